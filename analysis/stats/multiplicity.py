"""Corrections for many comparisons: of the chance of any false difference, or of the share of false ones found."""

import math
from collections.abc import Sequence
from enum import StrEnum


class Correction(StrEnum):
    """What a table's corrected p values control at 5 %."""

    HOLM = "holm"
    """The chance that any difference that is called one is none (family-wise error rate; Holm 1979)."""
    BH = "bh"
    """The expected share of such among all that are (false discovery rate; Benjamini and Hochberg 1995)."""

    @property
    def label(self) -> str:
        """Return the name that text uses."""
        return "Holm" if self == Correction.HOLM else "Benjamini-Hochberg"

    @property
    def column(self) -> str:
        """Return the heading of the corrected p values."""
        return "p Holm" if self == Correction.HOLM else "p BH"


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the step-up adjusted p values of Benjamini and Hochberg (1995, JRSS B 57), in the order given.

    A nan stays nan and does not count as a comparison. The false discovery rate holds for independent tests and for
    positive dependence, such as that of arms that share their baseline (Benjamini and Yekutieli 2001).
    """
    from scipy.stats import false_discovery_control

    tested = [i for i, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = [math.nan] * len(p_values)
    if tested:
        found = false_discovery_control([p_values[i] for i in tested], method="bh")
        for i, p in zip(tested, found, strict=True):
            adjusted[i] = float(p)
    return adjusted
