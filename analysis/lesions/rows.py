"""Findings as tidy rows, one per network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.lesions.choices import Experiment
from analysis.lesions.experiments import BlockSet, Case, interactions
from analysis.lesions.shared_prefix import Outcome

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A case, its outcome, and the number of batches that recalibrated its batch norms."""

    case: Case
    outcome: Outcome
    bn_batches: int = 0


def as_rows(findings: Sequence[Finding], block_set: BlockSet | None = None) -> list[Row]:
    """Return a row for each finding; what does not apply is None.

    `error`, `low` and `high` (95 % Wilson) are in per cent, `damage` (over the undamaged network that was
    recalibrated alike) and `interaction` in points. `block` is 0-based: a number, the lesioned blocks, or an order.
    """
    base = {finding.bn_batches: finding.outcome.error for finding in findings if finding.case.experiment == "base"}
    interaction = _interactions(findings, base)
    return [_row(finding, block_set, base[finding.bn_batches], interaction) for finding in findings]


def _row(finding: Finding, block_set: BlockSet | None, base: float, interaction: dict[tuple[Any, ...], float]) -> Row:
    case, outcome, batches = finding.case, finding.outcome, finding.bn_batches
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
        "heal": batches,
        "damage": outcome.error - base,
        "downsamples": block_set.changes_shape(case.block) if block_set and isinstance(case.block, int) else None,
        "draw": case.draw,
        "tau": case.tau,
        "interaction": None if single else interaction.get((case.experiment, case.mode, batches, case.block)),
        "wrong": sum(outcome.wrong),
        "images": sum(outcome.images),
    }


def _interactions(findings: Sequence[Finding], base: dict[int, float]) -> dict[tuple[Any, ...], float]:
    """Return the interaction of each pair by (experiment, mode, batches, blocks)."""
    errors: dict[tuple[str, int], dict[tuple[int, ...], float]] = {}
    for finding in findings:
        case = finding.case
        if case.experiment in (Experiment.SINGLE, Experiment.PAIRS):
            blocks = case.block if isinstance(case.block, tuple) else (int(case.block or 0),)
            errors.setdefault((case.mode, finding.bn_batches), {})[blocks] = finding.outcome.error
    return {
        (Experiment.PAIRS, mode, batches, pair): value
        for (mode, batches), known in errors.items()
        for pair, value in interactions(known, base[batches], [(b[0], b[1]) for b in known if len(b) == 2]).items()
    }


def class_rows(findings: Sequence[Finding], name_of: Callable[[int], str] = str) -> list[Row]:
    """Return a row for each class of the undamaged network and of each single lesion; `damage` in points."""
    base = {finding.bn_batches: finding.outcome for finding in findings if finding.case.experiment == "base"}
    rows: list[Row] = []
    for finding in findings:
        if finding.case.experiment not in ("base", Experiment.SINGLE):
            continue
        labels = [label for label, images in enumerate(finding.outcome.images) if images]
        rows += [
            {**_class_row(finding, base[finding.bn_batches], label), "class_name": name_of(label)} for label in labels
        ]
    return rows


def _class_row(finding: Finding, base: Outcome, label: int) -> Row:
    interval = finding.outcome.interval(label)
    return {
        "experiment": str(finding.case.experiment),
        "mode": finding.case.mode,
        "block": finding.case.block,
        "heal": finding.bn_batches,
        "class": label,
        "error": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "damage": interval.mean - base.interval(label).mean,
        "images": finding.outcome.images[label],
    }
