"""Fair tuning in words and as JSON: what each search chose, and where it changed the sign of a difference."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.comparison.arms import ArmRow, as_dict
from analysis.results.plain import none_if_nan
from analysis.tables.labels import full_label
from analysis.tables.search_words import state_counts
from resnet_lab.spec.choices import Value
from studies.plan.options import Algorithm
from studies.search.optuna_search import Search
from studies.search.rows import rows, values_text

WIDTH = 80
ALGORITHMS = {Algorithm.TPE: "TPE", Algorithm.RANDOM: "random search"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSearch:
    """One arm of one context, by its fields, and its search."""

    fields: dict[str, Value]
    search: Search

    @property
    def seed(self) -> int:
        """The seed of its trials."""
        return self.search.settings.base.seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Twice:
    """One comparison at the study's recipe and at the tuned ones."""

    declared: ArmRow
    tuned: ArmRow

    @property
    def turns(self) -> bool:
        """Whether the difference changes its sign."""
        return self.declared.difference * self.tuned.difference < 0

    @property
    def beyond(self) -> bool:
        """Whether both intervals leave out 0."""
        return all(row.difference_low * row.difference_high > 0 for row in (self.declared, self.tuned))


def pairs(declared: Sequence[ArmRow], tuned: Sequence[ArmRow]) -> list[Twice]:
    """Return every comparison of the two tables."""
    found = {_key(row): row for row in tuned}
    return [
        Twice(declared=row, tuned=found[_key(row)]) for row in declared if not row.is_baseline and _key(row) in found
    ]


def _key(row: ArmRow) -> tuple[Value, ...]:
    return (*row.context.values(), *row.arm.values())


def text(searches: Sequence[ArmSearch], twice: Sequence[Twice]) -> str:
    """Return what was chosen, then each comparison at both recipes, in at most 80 columns."""
    lines = textwrap.wrap(_how(searches), WIDTH)
    several = len(_seeds(searches)) > 1
    for each in searches:
        name = full_label(each.fields) + (f", seed {each.seed}" if several else "")
        lines += _wrapped(f"{name}: {_chosen(each.search)} ({state_counts(rows(each.search))})")
    lines += textwrap.wrap("Difference from the baseline, at the study's recipe and tuned:", WIDTH)
    for one in twice:
        name = full_label({**one.declared.context, **one.declared.arm})
        lines += _wrapped(f"{name}: {_difference(one.declared)} -> {_difference(one.tuned)}{_flag(one)}")
    return "\n".join(lines)


def _how(searches: Sequence[ArmSearch]) -> str:
    """Return how each arm was tuned, and whether the intervals hold what its choice left to chance."""
    budget, pruner = searches[0].search.settings.budget, searches[0].search.settings.pruner
    seeds, algorithm = _seeds(searches), ALGORITHMS[searches[0].search.settings.algorithm]
    method = f"{budget} trials by validation error at seed {seeds[0]} ({algorithm}; pruner: {pruner}, within the arm)"
    if len(seeds) == 1:
        return (
            f"Tuned: each arm had a search of its own, {method}, then the seeds of the table above at the chosen "
            "values. With one search an arm, what its choice left to chance is not in the intervals: see --tune-seeds."
        )
    method = method.replace(f"at seed {seeds[0]} (", f"each, at seeds {seeds[0]} to {seeds[-1]} (")
    return (
        f"Tuned: each arm had {len(seeds)} searches of its own, {method}, then the seeds of the table above, seed s at "
        f"the values of search s modulo {len(seeds)}, so that what the choice left to chance is in the intervals."
    )


def _seeds(searches: Sequence[ArmSearch]) -> list[int]:
    return sorted({each.seed for each in searches})


def content(searches: Sequence[ArmSearch], twice: Sequence[Twice], tuned: Sequence[ArmRow]) -> dict[str, Any]:
    """Return the same as JSON takes it, with every trial of every search and the table of the tuned arms."""
    return {
        "budget": searches[0].search.settings.budget,
        "arms": [
            {"fields": each.fields, "seed": each.seed, "chosen": each.search.chosen(), "trials": rows(each.search)}
            for each in searches
        ],
        "comparisons": [
            {
                "fields": {**one.declared.context, **one.declared.arm},
                "declared": none_if_nan(one.declared.difference),
                "tuned": none_if_nan(one.tuned.difference),
                "changes_sign": one.turns,
            }
            for one in twice
        ],
        "table": [as_dict(row) for row in tuned],
    }


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def _chosen(search: Search) -> str:
    best = search.best()
    if best is None:
        return "no trial is complete: the study's recipe stays"
    return f"{values_text(search.chosen())}, validation error {best.values[0]:.2f} %"


def _difference(row: ArmRow) -> str:
    if math.isnan(row.difference):
        return "n/a"
    limits = "" if math.isnan(row.difference_low) else f" [{row.difference_low:.2f}, {row.difference_high:.2f}]"
    return f"{row.difference:+.2f}{limits}"


def _flag(one: Twice) -> str:
    if not one.turns:
        return ""
    return "  CHANGES SIGN" + ("" if one.beyond else " (not both intervals leave out 0)")
