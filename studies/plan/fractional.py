"""Fractional designs of two levels, and which effects they confound."""

import itertools
from collections.abc import Iterator, Sequence

from resnet_lab.errors import UserError

Signs = Sequence[Sequence[float]]
Column = Sequence[float]
EXACT = 1e-9
"""Correlations are sums of +1 and -1 over the runs: what differs from a whole share by less is rounding."""


def matrix(plackett_burman: bool, factors: int, resolution: int) -> list[list[float]]:
    """Return the runs of the design, a row of -1 and +1 each; the first row may not be the baseline's.

    A fraction has the least runs that reach the resolution (Montgomery, table 8.14). Signs are turned so that the
    baseline, all -1, is among the runs. Raises UserError where no such fraction exists.
    """
    signs = _plackett_burman(factors) if plackett_burman else _fraction(factors, resolution)
    first = signs[0]
    return [[-float(value * turn) for value, turn in zip(row, first, strict=True)] for row in signs]


def _plackett_burman(factors: int) -> Signs:
    import pydoe

    try:
        signs: Signs = pydoe.pbdesign(factors)
    except ValueError:
        runs = 4 * (factors // 4 + 1)
        raise UserError(f"no Plackett-Burman design of {runs} runs is known here: use fractional") from None
    return signs


def _fraction(factors: int, resolution: int) -> Signs:
    """A fraction's shortest word has at most every factor: past that resolution the library gives all combinations."""
    import pydoe

    if not 3 <= resolution <= factors:
        most = f"3 to {factors}" if factors > 3 else "3"
        use = f"use full, or {most}" if factors >= 3 else "use full"
        raise UserError(f"there is no fraction of {factors} factors at resolution {resolution}: {use}")
    try:
        signs: Signs = pydoe.fracfact_by_res(factors, resolution)
    except ValueError as error:
        raise UserError(f"no fraction of {factors} factors at resolution {resolution} was found: {error}") from None
    return signs


def alias_lines(signs: Signs, names: Sequence[str]) -> Iterator[str]:
    """Yield which effects of order one and two the runs cannot tell apart, each with its sign: `a = - b x c`.

    First a line for each main effect that is confounded, wholly or partly, with pairs; then one for each set of pairs
    that are wholly confounded with one another and with no main effect, as all of resolution IV are.
    """
    columns = dict(zip(names, zip(*signs, strict=True), strict=True))
    pairs = {
        f"{one} x {other}": [a * b for a, b in zip(columns[one], columns[other], strict=True)]
        for one, other in itertools.combinations(names, 2)
    }
    for name, column in columns.items():
        others = {pair: product for pair, product in pairs.items() if name not in pair.split(" x ")}
        if mixed := _mixed(column, others):
            yield f"{name} = {' = '.join(mixed)}"
    yield from _pair_lines(pairs, list(columns.values()))


def _pair_lines(pairs: dict[str, list[float]], columns: Sequence[Column]) -> Iterator[str]:
    left = {
        pair: product for pair, product in pairs.items() if not any(_is_alias(product, column) for column in columns)
    }
    while left:
        pair = next(iter(left))
        first = left.pop(pair)
        same = {other: product for other, product in left.items() if _is_alias(first, product)}
        if same:
            yield f"{pair} = {' = '.join(_mixed(first, same))}"
        left = {other: product for other, product in left.items() if other not in same}


def _mixed(column: Column, others: dict[str, list[float]]) -> list[str]:
    """Return the other effects with their sign, and their share where it is not whole: `b x c`, `- b x c (0.33)`."""
    texts = []
    for name, product in others.items():
        share = _correlation(column, product)
        if abs(share) > EXACT:
            part = f" ({abs(share):.2f})" if abs(share) < 1 - EXACT else ""
            texts.append(f"{'- ' if share < 0 else ''}{name}{part}")
    return texts


def _is_alias(one: Column, other: Column) -> bool:
    return abs(_correlation(one, other)) > 1 - EXACT


def _correlation(one: Column, other: Column) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / len(one)
