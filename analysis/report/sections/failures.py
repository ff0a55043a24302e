"""Section `Failed trials`: trials without a result, and why."""

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.report.data import ReportData
from analysis.report.document import Block, Table, Text
from analysis.results.trials import FAULTS
from analysis.tables.labels import full_label
from resnet_lab.outcomes import Status


def failures(data: ReportData) -> Iterator[Block]:
    """Yield every failed or unfinished trial with its reason and its error's sentence, or that there is none."""
    names = (*data.context, *data.arm)
    rows = [
        [
            full_label({name: run[name] for name in names}),
            str(run["seed"]),
            str(run["status"]),
            _why(run),
            str(run.get("detail") or ""),
            run["trial"],
        ]
        for run in data.runs
        if run["status"] != Status.COMPLETE
    ]
    if not rows:
        yield Text("None: every planned trial is complete.")
        return
    headers = ["trial of", "seed", "status", "reason", "what it said", "folder"]
    lost = [run for run in data.runs if run["status"] != Status.COMPLETE]
    red = frozenset(index for index, run in enumerate(lost) if run.get(FAULTS))
    yield Table(caption="Trials without a result; no mean counts them.", headers=headers, rows=rows, left=6, red=red)


def _why(run: Mapping[str, Any]) -> str:
    return str(run.get("reason") or ("" if run["status"] == Status.MISSING else "no reason recorded"))
