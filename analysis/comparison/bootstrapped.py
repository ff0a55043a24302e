"""Arms with bootstrap-t intervals next to Student's: of the mean, and of the paired difference from the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.comparison.arms import WITHHELD, ArmRow, trials_of
from analysis.results.trials import TrialRow, outcomes_by_repeat
from analysis.stats.bootstrap import bootstrap_t
from analysis.stats.failures import paired_differences
from analysis.stats.intervals import Interval
from resnet_lab.metrics import TEST_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """One arm; limits are nan below `analysis.stats.bootstrap.LEAST` seeds, and all is where a seed diverged."""

    row: ArmRow
    error: Interval
    difference: Interval


def bootstrapped(trials: Sequence[TrialRow], rows: Sequence[ArmRow], metric: str = TEST_ERROR) -> list[Bootstrapped]:
    """Return every arm, in the order of the rows, which are those of `summarise` for the same trials and metric."""
    own = trials_of(trials, rows)
    outcomes = [outcomes_by_repeat(own(row), metric) for row in rows]
    found = []
    for row, values in zip(rows, outcomes, strict=True):
        base = next((o for r, o in zip(rows, outcomes, strict=True) if r.is_baseline and r.context == row.context), {})
        differences = [] if row.is_baseline else paired_differences(values, base)
        found.append(
            Bootstrapped(
                row=row,
                error=WITHHELD if row.diverged else bootstrap_t(list(values.values())),
                difference=WITHHELD if row.withheld else bootstrap_t(differences),
            )
        )
    return found
