"""Effective paths: the lengths that carry a gradient (Veit et al. 2016, section 4.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

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
