"""Sequential seeds in words and as JSON: how many seeds each arm got, why it stopped, and its corrected interval."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.results.plain import none_if_nan
from analysis.stats.sequential import Judgement
from analysis.stats.skewness import least_pairs
from analysis.tables.labels import full_label
from resnet_lab.spec.choices import Value

WIDTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the arms were held to. `confidence` is that of each interval, by which all hold with 1 - alpha."""

    looks: tuple[int, ...]
    margin: float
    alpha: float
    comparisons: int
    confidence: float
    robust: bool = False

    @property
    def least_pairs(self) -> int:
        """With how many pairs the robust rule can decide at all."""
        return least_pairs(1 - self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Where an arm stopped, and why."""

    fields: dict[str, Value]
    judgement: Judgement
    seeds: int
    reason: str
    withheld: str = ""
    """Which seeds diverged, where that forbids an interval: `3 of 5 diverged`."""


def text(rule: Rule, stops: Sequence[Stop]) -> str:
    """Return a paragraph on the rule and a line per comparison, in at most 80 columns."""
    head = (
        f"Seeds until decided: looks at {', '.join(map(str, rule.looks))} seeds, margin {rule.margin:g} points. The "
        "intervals and p above and in the figure are not corrected for these looks. Those below are: all of them "
        f"hold together, at every look, with {1 - rule.alpha:.0%} (each is of {rule.confidence:.2%}, for "
        f"{len(rule.looks)} looks at {rule.comparisons} comparison{'s' if rule.comparisons != 1 else ''})."
    )
    lines = textwrap.wrap(head + _assumption(rule), WIDTH)
    for stop in stops:
        line = f"{full_label(stop.fields)}: {_stop_text(stop)}"
        lines += textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines)


def content(rule: Rule, stops: Sequence[Stop]) -> dict[str, Any]:
    """Return the same as JSON takes it; limits are null where there is no spread."""
    return {
        "looks": list(rule.looks),
        "margin": rule.margin,
        "alpha": rule.alpha,
        "confidence_of_each_interval": rule.confidence,
        **({"robust": True, "least_pairs": rule.least_pairs} if rule.robust else {}),
        "comparisons": [stop.fields | _numbers(stop) for stop in stops],
    }


def _assumption(rule: Rule) -> str:
    """Return what the rule supposes of the differences."""
    if not rule.robust:
        return " This supposes normal differences; skewed ones err more often, see --robust."
    return (
        f" A decision is also held to the sign-flip test and to Hall's t test, both at {1 - rule.confidence:.2%}, "
        f"which keeps the error near {rule.alpha:.0%} for skewed differences, too. With fewer than {rule.least_pairs} "
        "seeds it cannot decide, for no sign-flip test reaches that level there; the intervals are Student's."
    )


def _stop_text(stop: Stop) -> str:
    interval, pairs = stop.judgement.interval, stop.judgement.pairs
    limits = f", {interval.mean:+.2f} [{interval.low:.2f}, {interval.high:.2f}]" if pairs > 1 else ""
    lost = f" ({pairs} complete in both)" if pairs != stop.seeds else ""
    why = f" ({stop.reason})" if stop.reason != "decided" else ""
    if stop.withheld:
        return f"{stop.judgement.decision} after {stop.seeds} seeds{lost}{why}, by signed ranks: {stop.withheld}"
    return f"{stop.judgement.decision} after {stop.seeds} seeds{lost}{why}{limits}"


def _numbers(stop: Stop) -> dict[str, Any]:
    interval = stop.judgement.interval
    limits = {"difference": interval.mean, "corrected_low": interval.low, "corrected_high": interval.high}
    plain = {name: none_if_nan(value) for name, value in limits.items()}
    decision = stop.judgement.decision.value
    seeds = {"seeds": stop.seeds, "pairs": stop.judgement.pairs, "stopped": stop.reason}
    numbers = {"decision": decision, **seeds, **plain}
    return numbers | ({"withheld": stop.withheld} if stop.withheld else {})
