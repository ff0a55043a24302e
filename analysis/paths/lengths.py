"""Paths through n residual blocks, counted: closed forms of Veit et al. 2016 (arXiv 1605.06431) in exact integers.

Each block is passed through its residual branch or through its skip, so there are 2^n paths, C(n, k) of length k.
Shares are ratios of integers, rounded once at the end: nothing overflows at any depth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb

from resnet_lab.errors import UserError

EFFECTIVE = (5, 17)
"""Lengths that carry the gradient of the paper's net of 54 blocks (section 4.3)."""


def counts(blocks: int) -> list[int]:
    """Return the number of paths of each length 0..n."""
    _check(blocks)
    return [comb(blocks, length) for length in range(blocks + 1)]


def mean_length(blocks: int) -> float:
    """Return n / 2."""
    _check(blocks)
    return blocks / 2


def share_between(blocks: int, low: int, high: int) -> float:
    """Return P(low <= L <= high), the share of all paths with such a length."""
    _check(blocks)
    return float(Fraction(_between(blocks, low, high), 2**blocks))


def central_interval(blocks: int, share: float = 0.95) -> tuple[int, int]:
    """Return the narrowest interval around n / 2, symmetric, that holds at least this share of all paths."""
    _check(blocks)
    low = blocks // 2
    while low > 0 and share_between(blocks, low, blocks - low) < share:
        low -= 1
    return low, blocks - low


def survivors(blocks: int, deleted: int, length: int) -> float:
    """Return C(n-d, x) / C(n, x): the share of the paths of a length that avoid d deleted blocks."""
    _check(blocks, deleted)
    if not 0 <= length <= blocks:
        raise UserError(f"there is no path of length {length} through {blocks} blocks: ask for 0 to {blocks}")
    return float(Fraction(comb(blocks - deleted, length), comb(blocks, length)))


def effective_left(blocks: int, deleted: int, low: int = EFFECTIVE[0], high: int = EFFECTIVE[1]) -> float:
    """Return the share of all paths of length low..high that is left after d deletions."""
    _check(blocks, deleted)
    whole = _between(blocks, low, high)
    if not whole:
        raise UserError(f"no path through {blocks} blocks has a length of {low} to {high}: ask for 0 to {blocks}")
    return float(Fraction(_between(blocks - deleted, low, high), whole))


def _between(blocks: int, low: int, high: int) -> int:
    return sum(comb(blocks, length) for length in range(max(low, 0), min(high, blocks) + 1))


def _check(blocks: int, deleted: int = 0) -> None:
    if blocks < 0 or not 0 <= deleted <= blocks:
        raise UserError(f"{deleted} of {blocks} blocks cannot be deleted: give counts with 0 <= deleted <= blocks")


SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """Path lengths `low`..`high`, both included, and the share of the whole mass that they carry."""

    low: int
    high: int
    share: float


def effective_lengths(masses: Sequence[float], share: float = SHARE) -> Effective:
    """Return the shortest interval of lengths that carries at least `share` of the mass.

    `masses[k]` is the mass of length k, at least 0: ||G_k||, the norm of the gradient that all paths of length k
    carry together. Norms do not add up to the norm of the sum, so the mass is a convention: the share is that of
    sum_k ||G_k||. Of intervals of one width the one with the most mass is taken, then the one of shorter paths.
    """
    sums = [0.0]
    for mass in masses:
        sums.append(sums[-1] + mass)
    whole, lengths = sums[-1], len(masses)
    for width in range(1, lengths + 1):
        best = max(range(lengths - width + 1), key=lambda low: (sums[low + width] - sums[low], -low))
        mass = sums[best + width] - sums[best]
        if mass >= share * whole:
            return Effective(low=best, high=best + width - 1, share=mass / whole if whole else 1.0)
    return Effective(low=0, high=lengths - 1, share=1.0)
