"""Effects of a design: the steps of a ladder, and the main effects of a two-level fraction.

Against the baseline alone, a rung holds all the steps before it, and a run of a fraction many switches at once.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from analysis.comparison.arms import WITHHELD, ArmRow, withheld_by
from analysis.results.trials import TrialRow, outcomes_by_repeat
from analysis.stats.failures import paired_differences, signed_rank_p
from analysis.stats.intervals import Interval, holm, paired_t, t_interval
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.spec.choices import Value

Levels = Mapping[str, Sequence[Value]]
Results = Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignEffect:
    """A switch turned from one level to another: the difference in points over the seeds, less is better."""

    context: Mapping[str, Value]
    switch: str
    before: Value
    after: Value
    rest: Mapping[str, Value]
    """The other switches, where they are held; empty for an average over them."""
    n: int
    """Seeds."""
    difference: Interval
    p: float
    """Two-sided paired t test over the seeds, uncorrected; the exact signed ranks where a seed diverged."""
    p_holm: float
    """Holm-corrected over every effect of the table."""


def ladder_steps(
    trials: Sequence[TrialRow], rows: Sequence[ArmRow], levels: Levels, metric: str = TEST_ERROR
) -> list[DesignEffect]:
    """Return every pair of arms of a context that differ by one switch, one level on, in the order of the levels."""
    effects = []
    for one, other in itertools.permutations(rows, 2):
        changed = [name for name in levels if one.arm[name] != other.arm[name]]
        if one.context == other.context and len(changed) == 1 and _next(levels[changed[0]], one, other, changed[0]):
            before, after = (_results(trials, row, metric) for row in (one, other))
            pairs, lost = paired_differences(after, before), bool(withheld_by(after, before))
            effects.append(_effect(one.context, changed[0], (one, other), one.arm, pairs, by_ranks=lost))
    return _corrected(effects)


def _next(levels: Sequence[Value], one: ArmRow, other: ArmRow, name: str) -> bool:
    return levels.index(other.arm[name]) == levels.index(one.arm[name]) + 1


def main_effects(
    trials: Sequence[TrialRow], rows: Sequence[ArmRow], levels: Levels, metric: str = TEST_ERROR
) -> list[DesignEffect]:
    """Return each switch's mean at its second level minus that at its first, over the arms of each context.

    Only seeds that are complete in every arm of the context count, so that a switch's arms stay balanced in the others
    (Montgomery, chapter 8). What a fraction aliases with a main effect is in it. A fraction that lost arms, refused
    or merged, is out of balance, and its effects would hold each other: nothing is returned for it, nor for a context
    in which a seed diverged, over whose other seeds the means would flatter what fails.
    """
    effects = []
    for here in _by_context(rows):
        if not _balanced(here, levels) or any(row.diverged for row in here):
            continue
        results = [_results(trials, row, metric) for row in here]
        seeds = set.intersection(*(set(each) for each in results))
        for name, (low, high) in levels.items():
            sides = [[each for row, each in zip(here, results, strict=True) if row.arm[name] == v] for v in (low, high)]
            contrast = [fmean(r[seed] for r in sides[1]) - fmean(r[seed] for r in sides[0]) for seed in sorted(seeds)]
            ends = [next(row for row in here if row.arm[name] == value) for value in (low, high)]
            effects.append(_effect(here[0].context, name, (ends[0], ends[1]), {}, contrast))
    return _corrected(effects)


def _balanced(rows: Sequence[ArmRow], levels: Levels) -> bool:
    """Whether every pair of two-level switches has its four combinations equally often."""
    if any(len(values) != 2 for values in levels.values()):
        return False
    pairs = itertools.combinations(levels, 2)
    counts = [Counter((row.arm[one], row.arm[other]) for row in rows) for one, other in pairs]
    return all(len(count) == 4 and len(set(count.values())) == 1 for count in counts)


def _by_context(rows: Sequence[ArmRow]) -> Iterator[list[ArmRow]]:
    for _, group in itertools.groupby(rows, key=lambda row: row.context):
        yield list(group)


def _results(trials: Sequence[TrialRow], row: ArmRow, metric: str) -> Results:
    names = {**row.context, **row.arm}
    return outcomes_by_repeat([t for t in trials if all(t[n] == v for n, v in names.items())], metric)


def _effect(
    context: Mapping[str, Value],
    switch: str,
    ends: tuple[ArmRow, ArmRow],
    held: Mapping[str, Value],
    differences: Sequence[float],
    *,
    by_ranks: bool = False,
) -> DesignEffect:
    return DesignEffect(
        context=context,
        switch=switch,
        before=ends[0].arm[switch],
        after=ends[1].arm[switch],
        rest={name: value for name, value in held.items() if name != switch},
        n=len(differences),
        difference=WITHHELD if by_ranks else t_interval(differences),
        p=signed_rank_p(differences) if by_ranks else paired_t(differences),
        p_holm=float("nan"),
    )


def _corrected(effects: Sequence[DesignEffect]) -> list[DesignEffect]:
    corrected = holm([each.p for each in effects])
    return [dataclasses.replace(each, p_holm=p) for each, p in zip(effects, corrected, strict=True)]
