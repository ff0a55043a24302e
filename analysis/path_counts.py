"""Paths through n residual blocks, counted: closed forms of Veit et al. 2016 (arXiv 1605.06431) in exact integers.

Each block is passed through its residual branch or through its skip, so there are 2^n paths, C(n, k) of length k.
Shares are ratios of integers, rounded once at the end: nothing overflows at any depth.
"""

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
