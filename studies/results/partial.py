"""Partial results: what a launch leaves before its first trial, and what it shows where it is interrupted."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from analysis.results.begun import Begun
from analysis.tables.table import render
from resnet_lab.trials.trial import Trial
from studies.audit import text as audit_text
from studies.audit.audit import Audit
from studies.plan.plan import Plan
from studies.results.outcomes import outcomes, rows_of
from studies.results.write import plan_record


def begin(audit: Audit, trials: Sequence[Trial], out: Path) -> None:
    """Write the plan and the audit, so that `analysis.report --partial` can read them before the end."""
    plan, record = audit.plan, plan_record(audit.plan)
    begun = Begun(plan=record, runs=outcomes(plan, trials), audit=audit_text.as_dict(audit))
    begun.write(out / "reports" / plan.title)


def partial_lines(plan: Plan, trials: Sequence[Trial], out: Path, width: int) -> Iterator[RenderableType]:
    """Yield the table of the arms by the trials that are complete, and how to have its report; nothing for none."""
    runs, rows = rows_of(plan, trials)
    done = sum(row.n for row in rows)
    if not done:
        return
    yield Text(f"\n{done} of {len(runs)} trials so far:")
    yield render(rows, title=plan.study.question, width=width)
    command = ["python", "-m", "analysis.report", plan.title, "--partial"]
    command += ["--out", str(out)] if out != Path("runs") else []
    yield Text(f"report of what is complete: {shlex.join(command)}")
