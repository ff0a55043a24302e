"""Findings as tidy rows: one network, one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.lesions.choices import Experiment
from analysis.lesions.experiments import BlockSet, Case, interactions
from analysis.lesions.shared_prefix import Outcome

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A case, how it fared, and the number of batches that healed it."""

    case: Case
    outcome: Outcome
    heal: int = 0


def as_rows(findings: Sequence[Finding], subject: BlockSet | None = None) -> list[Row]:
    """Return a row for each finding; what does not apply is None.

    `error`, `low` and `high` (95 % Wilson) are in per cent, `damage` (over the undamaged network that was healed
    alike) and `interaction` in points. `block` is 0-based: a number, the lesioned blocks, or an order.
    """
    base = {finding.heal: finding.outcome.error for finding in findings if finding.case.experiment == "base"}
    together = _interactions(findings, base)
    return [_row(finding, subject, base[finding.heal], together) for finding in findings]


def _row(finding: Finding, subject: BlockSet | None, base: float, together: dict[tuple[Any, ...], float]) -> Row:
    case, outcome, heal = finding.case, finding.outcome, finding.heal
    interval = outcome.interval()
    single = isinstance(case.block, int)
    return {
        "experiment": str(case.experiment),
        "mode": case.mode,
        "block": list(case.block) if isinstance(case.block, tuple) else case.block,
        "k": case.k,
        "error": outcome.error,
        "low": interval.low,
        "high": interval.high,
        "heal": heal,
        "damage": outcome.error - base,
        "downsamples": subject.changes_shape(case.block) if subject and isinstance(case.block, int) else None,
        "draw": case.draw,
        "tau": case.tau,
        "interaction": None if single else together.get((case.experiment, case.mode, heal, case.block)),
        "wrong": sum(outcome.wrong),
        "images": sum(outcome.images),
    }


def _interactions(findings: Sequence[Finding], base: dict[int, float]) -> dict[tuple[Any, ...], float]:
    """Return the interaction of each pair by (experiment, mode, heal, blocks)."""
    errors: dict[tuple[str, int], dict[tuple[int, ...], float]] = {}
    for finding in findings:
        case = finding.case
        if case.experiment in (Experiment.SINGLE, Experiment.PAIRS):
            blocks = case.block if isinstance(case.block, tuple) else (int(case.block or 0),)
            errors.setdefault((case.mode, finding.heal), {})[blocks] = finding.outcome.error
    return {
        (Experiment.PAIRS, mode, heal, pair): value
        for (mode, heal), known in errors.items()
        for pair, value in interactions(known, base[heal], [(b[0], b[1]) for b in known if len(b) == 2]).items()
    }


def class_rows(findings: Sequence[Finding]) -> list[Row]:
    """Return a row for each class of the undamaged network and of each single lesion; `damage` in points."""
    base = {finding.heal: finding.outcome for finding in findings if finding.case.experiment == "base"}
    rows: list[Row] = []
    for finding in findings:
        if finding.case.experiment not in ("base", Experiment.SINGLE):
            continue
        labels = [label for label, images in enumerate(finding.outcome.images) if images]
        rows += [_class_row(finding, base[finding.heal], label) for label in labels]
    return rows


def _class_row(finding: Finding, base: Outcome, label: int) -> Row:
    interval = finding.outcome.interval(label)
    return {
        "experiment": str(finding.case.experiment),
        "mode": finding.case.mode,
        "block": finding.case.block,
        "heal": finding.heal,
        "class": label,
        "error": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "damage": interval.mean - base.interval(label).mean,
        "images": finding.outcome.images[label],
    }
