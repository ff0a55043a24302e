"""Part of `Design and audit`: whether the study went as it was planned before the first trial, or what was changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.report.document import Block, Table, Text
from analysis.results.analysis_plan import FILE, HISTORY, TRIALS, Plans, differences, read_plans
from resnet_lab.errors import UserError

DIGITS = 12
"""Hex digits of a digest that the page shows."""


def analysis_plan(folder: Path) -> Iterator[Block]:
    """Yield when the plan was frozen, whether its files are whole, and field by field what was changed later."""
    try:
        plans = read_plans(folder)
    except UserError as error:
        yield Text(f"Analysis plan: {error}.")
        return
    if plans is None:
        yield Text("Analysis plan: none was frozen before the first trial.")
        return
    yield Text(f"Analysis plan: {_frozen(plans)}")
    yield from _doubts(plans)
    if plans.changed:
        yield Table(
            caption="Changes of the analysis plan after data had been seen.",
            headers=["changed on", "what", "planned", "changed to", "trials with a result by then"],
            rows=_changes(plans),
            left=4,
        )


def _frozen(plans: Plans) -> str:
    first = plans.first
    digest = f"({FILE}, SHA-256 {first.sha256[:DIGITS]})"
    if first.results:
        text = (
            f"frozen on {first.frozen} {digest}, when {first.results} trials had a result already: it was not made "
            "before the data."
        )
        return text if plans.changed else f"{text} As planned since."
    if plans.changed:
        return (
            f"frozen on {first.frozen}, before any trial had a result {digest}, and changed after data had been seen."
        )
    replaced = f" It replaced {len(plans.replaced)} earlier, see {HISTORY}." if plans.replaced else ""
    return (
        f"as planned on {first.frozen}, before any trial had a result: arms, seeds, looks, margin, tests and claims "
        f"{digest}.{replaced}"
    )


def _doubts(plans: Plans) -> Iterator[Block]:
    edited = [each for each in plans.every if not each.is_intact]
    for each in edited:
        file = FILE if each is plans.first else HISTORY
        yield Text(
            f"The digest does not fit: the plan frozen on {each.frozen} in {file} was edited after it was frozen. What "
            "stands here is what the file says now."
        )
    if not edited and not plans.is_whole:
        yield Text(f"The plans are not whole: one of {FILE} and {HISTORY} lacks a plan that another was frozen after.")


def _changes(plans: Plans) -> list[list[str]]:
    pairs = zip([plans.first, *plans.changed[:-1]], plans.changed, strict=True)
    return [
        [new.frozen, name, _text(name, before), _text(name, after), str(new.results)]
        for old, new in pairs
        for name, (before, after) in differences(old.plan, new.plan).items()
    ]


def _text(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if name == TRIALS:
        return f"{len(value)} trials of other fields"
    if isinstance(value, dict):
        return ", ".join(f"{key.rpartition('.')[2]}={each}" for key, each in value.items())
    if isinstance(value, list):
        parts = [_text("", each) for each in value]
        return ("\n" if any(isinstance(each, dict) for each in value) else ", ").join(parts) or "none"
    return str(value)
