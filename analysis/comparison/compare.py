"""Paired comparison of every arm with its baseline: tests, effect size and sensitivity.

It extends `analysis.comparison.arms`, whose rows hold the arms' own numbers and the paired t test.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, stdev

from analysis.comparison.arms import ArmRow, trials_of
from analysis.results.plain import none_if_nan
from analysis.results.trials import TrialRow, outcomes_by_repeat
from analysis.stats.failures import paired_differences
from analysis.stats.intervals import ROUNDING, holm
from analysis.stats.paired_tests import (
    EXACT_UP_TO,
    Equivalence,
    SignedRanks,
    cohens_dz,
    hedges_gz,
    pairing_gain,
    sign_flip,
    tost,
    wilcoxon,
)
from analysis.stats.power import first_step, minimum_detectable_effect
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.spec.choices import Value

POWER, ALPHA = 0.8, 0.05
COMPOUND = ("row", "wilcoxon", "equivalence", "detectable_holm")
"""Fields of a comparison that are no column of their own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One arm against the baseline of its context; a number that is not defined is nan."""

    row: ArmRow
    """The arm, with the paired difference in points, its interval, and the p of the paired t test."""
    sd: float
    """Of the paired differences, in points."""
    p_sign_flip: float
    """Exact two-sided permutation p, uncorrected; nan past 20 pairs."""
    floor_sign_flip: float
    """The least p that this number of pairs can give."""
    wilcoxon: SignedRanks | None
    """None below six pairs that differ."""
    dz: float
    """Cohen's d_z: the mean difference over its sd."""
    gz: float
    """Hedges' g_z: d_z without the bias that it has at few pairs."""
    pairing_gain: float
    """How many times the seeds an unpaired comparison would have needed."""
    detectable: float
    """Points: the least difference that this number of pairs of this spread detects with power 80 % at alpha 5 %."""
    detectable_holm: float = math.nan
    """The same at the first step of Holm's correction over every comparison of the table: alpha over their number."""
    equivalence: Equivalence | None = None
    """Two one-sided tests within the margin; None where no margin was given."""
    p_tost_holm: float = math.nan
    """Their p, Holm-corrected over every comparison of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What a study's number of seeds can detect, over its comparisons; points with power 80 % at alpha 5 %."""

    comparisons: int
    pairs: int
    """The least number of pairs of a comparison."""
    least: float
    typical: float
    """The median."""
    most: float
    typical_holm: float
    """The median at the first step of Holm's correction over the comparisons."""
    sd_low: float
    """The true sd lies, in 95 of 100 cases, between these multiples of one seen in this number of pairs."""
    sd_high: float


def compare(
    trials: Sequence[TrialRow], rows: Sequence[ArmRow], metric: str = TEST_ERROR, margin: float = 0.0
) -> list[Comparison]:
    """Return a comparison for each row that shares a seed with its baseline, in the order of the rows.

    The rows are those of `summarise` for the same trials and metric. A margin above 0, in points, adds the test of
    equivalence within it.
    """
    comparisons, own = [], trials_of(trials, rows)
    for row in rows:
        if row.pairs:
            reference = next(r for r in rows if r.is_baseline and r.context == row.context)
            pairs = _pairs(*(outcomes_by_repeat(own(each), metric) for each in (row, reference)))
            comparisons.append(_comparison(row, pairs, margin))
    corrected = holm([each.equivalence.p if each.equivalence else math.nan for each in comparisons])
    alpha = first_step(ALPHA, sum(not math.isnan(row.p) for row in rows))
    return [
        dataclasses.replace(each, p_tost_holm=p, detectable_holm=_detectable_holm(each, alpha))
        for each, p in zip(comparisons, corrected, strict=True)
    ]


def _detectable_holm(each: Comparison, alpha: float) -> float:
    if math.isnan(each.detectable):
        return math.nan
    return minimum_detectable_effect(each.sd, each.row.pairs, alpha=alpha, wanted=POWER)


def _comparison(row: ArmRow, pairs: Sequence[tuple[float, float]], margin: float) -> Comparison:
    """Compare an arm with its baseline; of pairs that a divergence forbids a mean, the ranks alone."""
    if row.withheld:
        return _by_ranks(row, pairs, margin)
    differences = [own - other for own, other in pairs]
    n = len(differences)
    sd = stdev(differences) if n > 1 else math.nan
    spread = sd > ROUNDING * max(map(abs, differences))  # equal differences, as `paired_t` has it; nan is False
    exact = n <= EXACT_UP_TO
    return Comparison(
        row=row,
        sd=sd,
        p_sign_flip=sign_flip(differences) if exact else math.nan,
        floor_sign_flip=2.0 ** (1 - n) if exact else math.nan,
        wilcoxon=wilcoxon(differences),
        dz=cohens_dz(differences) if spread else math.nan,
        gz=hedges_gz(differences) if spread else math.nan,
        pairing_gain=pairing_gain(pairs) if spread else math.nan,
        detectable=minimum_detectable_effect(sd, n, alpha=ALPHA, wanted=POWER) if spread else math.nan,
        equivalence=tost(differences, margin) if margin > 0 else None,
    )


def _by_ranks(row: ArmRow, pairs: Sequence[tuple[float, float]], margin: float) -> Comparison:
    differences = paired_differences(*(dict(enumerate(side)) for side in zip(*pairs, strict=True)))
    undefined = Equivalence(p=math.nan, low=math.nan, high=math.nan, equivalent=False)
    return Comparison(
        row=row,
        sd=math.nan,
        p_sign_flip=math.nan,
        floor_sign_flip=math.nan,
        wilcoxon=wilcoxon(differences) if len(differences) <= EXACT_UP_TO else None,
        dz=math.nan,
        gz=math.nan,
        pairing_gain=math.nan,
        detectable=math.nan,
        equivalence=undefined if margin > 0 else None,
    )


def sensitivity(comparisons: Sequence[Comparison]) -> Sensitivity | None:
    """Return what the study could have detected, or None where no comparison has a spread."""
    known = [c for c in comparisons if not math.isnan(c.detectable)]
    if not known:
        return None
    from scipy.special import chdtri

    pairs, effects = min(c.row.pairs for c in known), [c.detectable for c in known]
    df = pairs - 1
    return Sensitivity(
        comparisons=len(known),
        pairs=pairs,
        least=min(effects),
        typical=median(effects),
        most=max(effects),
        typical_holm=median(c.detectable_holm for c in known),
        sd_low=math.sqrt(df / float(chdtri(df, 0.025))),
        sd_high=math.sqrt(df / float(chdtri(df, 0.975))),
    )


def as_dict(comparison: Comparison) -> dict[str, Value | None]:
    """Return a comparison as JSON takes it: arm and context by their dotted names at the top level, nan as None."""
    row, ranks, within = comparison.row, comparison.wilcoxon, comparison.equivalence
    own = {name: getattr(row, name) for name in ("pairs", "difference", "difference_low", "difference_high", "p")}
    names = [field.name for field in dataclasses.fields(comparison) if field.name not in COMPOUND]
    values = own | {"p_holm": row.p_holm} | {name: getattr(comparison, name) for name in names}
    values["difference_sd"] = values.pop("sd")  # a row of the CSV has the arm's own sd too
    values |= {"p_wilcoxon": ranks.p if ranks else math.nan, "floor_wilcoxon": ranks.floor if ranks else math.nan}
    values["p_tost"] = within.p if within else math.nan
    return {**row.context, **row.arm, **{name: none_if_nan(value) for name, value in values.items()}}


def _pairs(own: Mapping[int, float], other: Mapping[int, float]) -> list[tuple[float, float]]:
    return [(value, other[seed]) for seed, value in own.items() if seed in other]
