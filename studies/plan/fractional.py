"""Fractional designs of two levels, and which effects they confound."""

import itertools
import string
from collections.abc import Iterator, Sequence

from resnet_lab.errors import UserError

Signs = Sequence[Sequence[float]]


def matrix(plackett_burman: bool, factors: int, resolution: int) -> list[list[float]]:
    """Return the runs of the design, a row of -1 and +1 each; the first row may not be the baseline's.

    Signs are turned so that the baseline, all -1, is among the runs. Raises UserError where no such fraction exists.
    """
    import pyDOE3

    if plackett_burman:
        signs = pyDOE3.pbdesign(factors)
    else:
        letters = string.ascii_lowercase[: factors - 1]
        try:
            # The half fraction of resolution k has k factors, one the product of the rest: the library starts above it.
            half = pyDOE3.fracfact(" ".join([*letters, letters])) if factors == resolution else None
            signs = pyDOE3.fracfact_by_res(factors, resolution) if half is None else half
        except ValueError:
            raise UserError(
                f"there is no fraction of {factors} factors at resolution {resolution}: use full, or 3 to {factors}"
            ) from None
    first = signs[0]
    return [[-float(value * turn) for value, turn in zip(row, first, strict=True)] for row in signs]


def alias_lines(signs: Signs, names: Sequence[str]) -> Iterator[str]:
    """Yield a line for each main effect that is confounded, wholly or partly, with others of order one or two."""
    columns = list(zip(*signs, strict=True))
    for index, name in enumerate(names):
        mixed = []
        for pair in itertools.combinations(range(len(names)), 2):
            if index in pair:
                continue
            product = [a * b for a, b in zip(columns[pair[0]], columns[pair[1]], strict=True)]
            share = _correlation(columns[index], product)
            if abs(share) > 1e-9:
                both = f"{names[pair[0]]} x {names[pair[1]]}"
                mixed.append(both if abs(share) > 1 - 1e-9 else f"{both} ({abs(share):.2f})")
        if mixed:
            yield f"{name} = {' = '.join(mixed)}"


def _correlation(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / len(one)
