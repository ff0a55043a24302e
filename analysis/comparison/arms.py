"""Arms of a study: summary of the seeds of each, and its paired difference from the baseline."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import NamedTuple

from analysis.results.plain import none_if_undefined
from analysis.results.trials import FAULTS, TrialRow, failure, group, is_diverged, outcomes_by_repeat, reasons
from analysis.stats.contrast import Contrast, dominance, rank_sum_p
from analysis.stats.failures import direction, paired_differences, signed_rank_p, worst_median
from analysis.stats.intervals import Interval, holm, paired_t, t_interval
from analysis.stats.multiplicity import Correction, benjamini_hochberg
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.outcomes import Status
from resnet_lab.spec.choices import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """One arm in one context: errors in per cent, differences (arm minus baseline) in points, or nan."""

    arm: Mapping[str, Value]
    context: Mapping[str, Value]
    is_baseline: bool
    n: int
    """Complete trials, one per seed."""
    repeats: int
    """Independent repeats with an outcome, the unit of every interval and test: seeds, unless several share a split."""
    failed: int
    diverged: int
    """Those of the failed that diverged: outcomes, the worst there are. The others of the failed are missing."""
    missing: int
    """Trials that were planned and have not ended."""
    mean: float
    """`mean`, `sd`, `low` and `high` are withheld, nan, where a seed diverged: over the others they would flatter."""
    sd: float
    median: float
    """With infinity for a diverged seed, as `maximum`."""
    low: float
    """`low` and `high` are the Student-t 95 % limits of the mean."""
    high: float
    minimum: float
    maximum: float
    pairs: int
    """Seeds with an outcome in both arms: what every number from here on is made of."""
    is_unpaired: bool = False
    """Whether the arm and its baseline have outcomes and share no seed: then the difference is that of their means."""
    difference: float
    """The mean of the paired differences; withheld, with its limits, where `withheld` says why."""
    difference_low: float
    difference_high: float
    difference_median: float
    """With infinity where one of a pair diverged, 0 where both did."""
    direction: int
    """1 where the signed ranks of the differences say worse, -1 where they say better; 0 where nothing is withheld."""
    withheld: str
    """`3 of 5 diverged`, of the arm or its baseline, where that forbids a mean difference; else empty."""
    p: float
    """Two-sided, uncorrected: the paired t test; the exact signed ranks, infinity the worst, where `withheld`. Of arms
    without shared seeds Welch's t test, or the exact rank sums."""
    p_holm: float
    """Holm-corrected over every comparison of the table, all contexts together."""
    p_bh: float = math.nan
    """Corrected by Benjamini and Hochberg over the same, where the study asks for it; else nan."""
    reasons: tuple[str, ...]
    """One `seed S: why: sentence` for each failed trial, and for each missing one that has a reason."""
    faults: tuple[str, ...] = ()
    """The faults of its trials' protocol, such as `validation=test`; none where that is correct."""

    @property
    def p_corrected(self) -> float:
        """The corrected p that the study's tables show and that its summary goes by."""
        return self.p_holm if math.isnan(self.p_bh) else self.p_bh


def correction_of(rows: Iterable[ArmRow]) -> Correction:
    """Return how the p values of a table are corrected."""
    return Correction.HOLM if all(math.isnan(row.p_bh) for row in rows) else Correction.BH


def summarise(
    trials: Sequence[TrialRow],
    *,
    arm: Sequence[str],
    context: Sequence[str],
    baseline: Mapping[str, Value],
    metric: str = TEST_ERROR,
    correction: Correction = Correction.HOLM,
) -> list[ArmRow]:
    """Return a row for each arm of each context, both in order of appearance, but the baseline first.

    Trials are as `analysis.results.trials` describes them; arms are the combinations of the `arm` fields that occur.
    An arm is compared, seed by seed, with the arm of its own context that has the values of `baseline`; where
    there is none, nothing is compared. Raises UserError where an arm holds two complete trials of one seed.
    """
    rows: list[ArmRow] = []
    first = tuple(baseline[name] for name in arm)
    for setting, here in group(trials, context).items():
        arms = group(here, arm)
        reference = outcomes_by_repeat(arms.get(first, []), metric)
        where = dict(zip(context, setting, strict=True))
        for key in sorted(arms, key=lambda key: key != first):
            names = dict(zip(arm, key, strict=True))
            rows.append(_row(names, where, arms[key], metric, None if key == first else reference))
    uncorrected = [row.p for row in rows]
    by_bh = benjamini_hochberg(uncorrected) if correction == Correction.BH else [math.nan] * len(rows)
    corrected = zip(rows, holm(uncorrected), by_bh, strict=True)
    return [dataclasses.replace(row, p_holm=p, p_bh=q) for row, p, q in corrected]


def trials_of(trials: Sequence[TrialRow], rows: Sequence[ArmRow]) -> Callable[[ArmRow], list[TrialRow]]:
    """Return a function from a row, one of `rows`, to its trials: they are grouped once, not searched for each arm."""
    names = [*rows[0].context, *rows[0].arm] if rows else []
    groups = group(trials, names)

    def of(row: ArmRow) -> list[TrialRow]:
        values = {**row.context, **row.arm}
        return groups.get(tuple(values[name] for name in names), [])

    return of


NOT_IN_JSON = frozenset({"arm", "context", "reasons", "direction", "repeats", "is_unpaired", "p_bh", "faults"})


def as_dict(row: ArmRow) -> dict[str, Value | list[str] | None]:
    """Return a row as JSON takes it: arm and context by dotted names at the top level; nan and infinity as None."""
    names = [field.name for field in dataclasses.fields(row) if field.name not in NOT_IN_JSON]
    values = {name: getattr(row, name) for name in names}
    plain = {name: none_if_undefined(value) for name, value in values.items()}
    asked: dict[str, Value] = {"unpaired": True} if row.is_unpaired else {}
    asked |= {} if math.isnan(row.p_bh) else {"p_bh": row.p_bh}
    marked: dict[str, Value | list[str] | None] = {FAULTS: list(row.faults)} if row.faults else {}
    return {**row.context, **row.arm, **plain, **asked, **marked, "reasons": list(row.reasons)}


def _row(
    arm: Mapping[str, Value],
    context: Mapping[str, Value],
    trials: Sequence[TrialRow],
    metric: str,
    reference: Mapping[int, float] | None,
) -> ArmRow:
    outcomes, paired = outcomes_by_repeat(trials, metric), reference or {}
    values = [value for value in outcomes.values() if math.isfinite(value)]
    differences = paired_differences(outcomes, paired)
    diverged = sum(map(is_diverged, trials))
    withheld = withheld_by(outcomes, paired)
    own = WITHHELD if diverged else t_interval(values)
    tested = _by_ranks(outcomes, paired) if withheld else _by_t(outcomes, paired)
    return ArmRow(
        arm=arm,
        context=context,
        is_baseline=reference is None,
        n=sum(trial["status"] == Status.COMPLETE and failure(trial, metric) is None for trial in trials),
        repeats=len(outcomes),
        failed=sum(failure(trial, metric) is not None for trial in trials),
        diverged=diverged,
        missing=sum(trial["status"] == Status.MISSING for trial in trials),
        mean=own.mean,
        sd=stdev(values) if len(values) > 1 and not diverged else math.nan,
        median=worst_median(list(outcomes.values())),
        low=own.low,
        high=own.high,
        minimum=min(outcomes.values(), default=math.nan),
        maximum=max(outcomes.values(), default=math.nan),
        pairs=len(differences),
        is_unpaired=bool(outcomes and paired and not differences),
        difference=tested.difference.mean,
        difference_low=tested.difference.low,
        difference_high=tested.difference.high,
        difference_median=worst_median(differences),
        direction=tested.direction,
        withheld=withheld,
        p=tested.p,
        p_holm=math.nan,
        reasons=reasons(trials, metric),
        faults=tuple(dict.fromkeys(str(trial[FAULTS]) for trial in trials if trial.get(FAULTS))),
    )


WITHHELD = Interval(math.nan, math.nan, math.nan)


class _Tested(NamedTuple):
    """The test of one arm against its baseline."""

    difference: Interval
    p: float
    direction: int = 0


def _by_t(outcomes: Mapping[int, float], reference: Mapping[int, float]) -> _Tested:
    """Test finite outcomes: paired by seed, by Welch's test where no seed is shared."""
    if outcomes.keys() & reference.keys() or not reference:
        differences = paired_differences(outcomes, reference)
        return _Tested(t_interval(differences), paired_t(differences))
    contrast = contrast_of(outcomes, reference)
    return _Tested(contrast.interval(), contrast.p()) if contrast else _Tested(WITHHELD, math.nan)


def _by_ranks(outcomes: Mapping[int, float], reference: Mapping[int, float]) -> _Tested:
    """Test outcomes of which some are infinite: signed ranks of the pairs, rank sums where no seed is shared."""
    differences = paired_differences(outcomes, reference)
    if differences:
        return _Tested(WITHHELD, signed_rank_p(differences), direction(differences))
    own, other = list(outcomes.values()), list(reference.values())
    return _Tested(WITHHELD, rank_sum_p(own, other), dominance(own, other))


def contrast_of(outcomes: Mapping[int, float], reference: Mapping[int, float]) -> Contrast | None:
    """Return the difference of two arms, paired by seed, or Welch's where none is shared; None below two seeds."""
    if outcomes.keys() & reference.keys():
        return Contrast.paired(paired_differences(outcomes, reference))
    return Contrast.welch(list(outcomes.values()), list(reference.values()))


def divergence(outcomes: Iterable[float]) -> str:
    """Return `3 of 5 diverged`, or nothing where every outcome is finite."""
    values = list(outcomes)
    diverged = sum(map(math.isinf, values))
    return f"{diverged} of {len(values)} diverged" if diverged else ""


def withheld_by(outcomes: Mapping[int, float], reference: Mapping[int, float]) -> str:
    """Return which of two arms lost seeds by divergence, and how many: what forbids a mean difference.

    The seeds are those in both arms, and all of both where they share none.
    """
    if not outcomes or not reference:
        return ""
    shared = outcomes.keys() & reference.keys()
    own, base = (divergence(each[seed] for seed in shared or each) for each in (outcomes, reference))
    return ", ".join([*([own] if own else []), *([f"baseline: {base}"] if base else [])])
