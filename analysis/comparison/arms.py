"""Arms of a study: summary of the seeds of each, and its paired difference from the baseline."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, stdev

from analysis.results.plain import none_if_nan
from analysis.results.trials import TrialRow, failure, group, reasons, results_by_seed
from analysis.stats.intervals import holm, paired_t, t_interval
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
    """Complete trials, one per seed: what the numbers from `mean` to `maximum` are made of."""
    failed: int
    missing: int
    """Trials that were planned and have not ended."""
    mean: float
    sd: float
    median: float
    low: float
    """`low` and `high` are the Student-t 95 % limits of the mean."""
    high: float
    minimum: float
    maximum: float
    pairs: int
    """Seeds complete in both arms: what every number from here on is made of."""
    difference: float
    difference_low: float
    difference_high: float
    p: float
    """Two-sided paired t test, uncorrected."""
    p_holm: float
    """Holm-corrected over every comparison of the table, all contexts together."""
    reasons: tuple[str, ...]
    """One `seed S: why` for each failed trial, and for each missing one that has a reason."""


def summarise(
    trials: Sequence[TrialRow],
    *,
    arm: Sequence[str],
    context: Sequence[str],
    baseline: Mapping[str, Value],
    metric: str = TEST_ERROR,
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
        reference = results_by_seed(arms.get(first, []), metric)
        where = dict(zip(context, setting, strict=True))
        for key in sorted(arms, key=lambda key: key != first):
            names = dict(zip(arm, key, strict=True))
            rows.append(_row(names, where, arms[key], metric, None if key == first else reference))
    corrected = holm([row.p for row in rows])
    return [dataclasses.replace(row, p_holm=p) for row, p in zip(rows, corrected, strict=True)]


def trials_of(trials: Sequence[TrialRow], rows: Sequence[ArmRow]) -> Callable[[ArmRow], list[TrialRow]]:
    """Return a function from a row, one of `rows`, to its trials: they are grouped once, not searched for each arm."""
    names = [*rows[0].context, *rows[0].arm] if rows else []
    groups = group(trials, names)

    def of(row: ArmRow) -> list[TrialRow]:
        values = {**row.context, **row.arm}
        return groups.get(tuple(values[name] for name in names), [])

    return of


def as_dict(row: ArmRow) -> dict[str, Value | list[str] | None]:
    """Return a row as JSON takes it: arm and context by their dotted names at the top level, nan as None."""
    names = [field.name for field in dataclasses.fields(row) if field.name not in ("arm", "context", "reasons")]
    values = {name: getattr(row, name) for name in names}
    plain = {name: none_if_nan(value) for name, value in values.items()}
    return {**row.context, **row.arm, **plain, "reasons": list(row.reasons)}


def _row(
    arm: Mapping[str, Value],
    context: Mapping[str, Value],
    trials: Sequence[TrialRow],
    metric: str,
    reference: Mapping[int, float] | None,
) -> ArmRow:
    results, paired = results_by_seed(trials, metric), reference or {}
    values = list(results.values())
    differences = [value - paired[seed] for seed, value in results.items() if seed in paired]
    own, against = t_interval(values), t_interval(differences)
    return ArmRow(
        arm=arm,
        context=context,
        is_baseline=reference is None,
        n=len(values),
        failed=sum(failure(trial, metric) is not None for trial in trials),
        missing=sum(trial["status"] == Status.MISSING for trial in trials),
        mean=own.mean,
        sd=stdev(values) if len(values) > 1 else math.nan,
        median=median(values) if values else math.nan,
        low=own.low,
        high=own.high,
        minimum=min(values, default=math.nan),
        maximum=max(values, default=math.nan),
        pairs=len(differences),
        difference=against.mean,
        difference_low=against.low,
        difference_high=against.high,
        p=paired_t(differences),
        p_holm=math.nan,
        reasons=reasons(trials, metric),
    )
