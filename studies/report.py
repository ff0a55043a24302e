"""The end of a study: table, figure and paths, on screen, on disk and on the parent run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.arms import ArmRow, as_dict, summarise
from analysis.figures import plot_arms
from analysis.table import explain, markdown, render
from resnet_lab import atomic
from resnet_lab.trial import Trial
from studies import audit_text
from studies.audit import Audit
from studies.plan import Plan

Row = dict[str, Any]


def outcomes(plan: Plan, trials: Sequence[Trial]) -> list[Row]:
    """Return one row a run, in the order of the table: the varied fields, status, reason and final figures."""
    by_spec = {trial.spec: trial for trial in trials}
    return [_outcome(plan, by_spec[spec]) for spec in plan.table_order()]


def _outcome(plan: Plan, trial: Trial) -> Row:
    result, failure = trial.result(), trial.failure()
    status = "complete" if result is not None else "failed" if failure is not None else "missing"
    row: Row = plan.fields(trial.spec) | {"trial": trial.name, "status": status, "reason": None}
    if result is not None:
        return row | {name: value for name, value in result.items() if name != "sha256"}
    return row | ({"reason": failure["reason"]} if failure is not None else {})


def report(
    audit: Audit, trials: Sequence[Trial], out: Path, console: Console, *, as_json: bool
) -> tuple[list[Row], list[Path]]:
    """Summarise, print and write the study. Returns the runs and the files written."""
    plan = audit.plan
    runs = outcomes(plan, trials)
    rows = summarise(runs, arm=tuple(plan.arm), context=tuple(plan.context), baseline=plan.baseline())
    folder = out / "reports" / plan.title
    folder.mkdir(parents=True, exist_ok=True)
    files = [*_write_tables(folder, audit, runs, rows), *_plot(folder, plan, runs, rows)]
    if as_json:
        print(json.dumps([as_dict(row) for row in rows], indent=2))
    else:
        _print(console, audit, runs, rows)
    return runs, files


def _print(console: Console, audit: Audit, runs: Sequence[Row], rows: Sequence[ArmRow]) -> None:
    plan = audit.plan
    console.print()
    console.print(render(rows, title=plan.study.question, width=console.width))
    console.print(explain(rows, plan.baseline()), highlight=False, style="dim")
    console.print("\n".join(audit_text.lines(audit)), highlight=False, markup=False)
    for run in runs:
        if run["status"] == "failed":
            varied = " ".join(str(run[name]) for name in (*plan.context, *plan.arm))
            console.print(f"failed: {varied} seed {run['seed']}: {run['reason']} ({run['trial']})", highlight=False)


def _write_tables(folder: Path, audit: Audit, runs: Sequence[Row], rows: Sequence[ArmRow]) -> list[Path]:
    plan, told = audit.plan, "\n".join(audit_text.lines(audit))
    contents = {
        "plan.json": json.dumps({"study": plan.study.name, "scale": plan.scale, "runs": plan.rows()}, indent=2),
        "runs.json": json.dumps(runs, indent=2),
        "table.json": json.dumps([as_dict(row) for row in rows], indent=2),
        "table.md": f"{markdown(rows)}\n{explain(rows, plan.baseline())}\n{told}",
        "audit.json": json.dumps(audit_text.as_dict(audit), indent=2),
    }
    for name, text in contents.items():
        atomic.write(folder / name, (text + "\n").encode())
    return [folder / name for name in contents]


def _plot(folder: Path, plan: Plan, runs: Sequence[Mapping[str, Any]], rows: Sequence[ArmRow]) -> list[Path]:
    if not any(row.n for row in rows):
        return []
    return plot_arms(
        runs,
        rows,
        arm=tuple(plan.arm),
        context=tuple(plan.context),
        title=plan.study.question,
        out=folder / "figure",
    )


def closing_lines(files: Sequence[Path], out: Path, seconds: Mapping[str, float]) -> list[str]:
    """Return where things are and what the time went into."""
    outside = sum(value for name, value in seconds.items() if name != "training")
    return [
        f"table, runs and figure: {files[0].parent}",
        f"trials and checkpoints: {out / 'trials'}",
        f"{seconds['training']:.0f} s of training, {outside:.1f} s around it",
    ]
