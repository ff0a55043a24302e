"""Section `Trials`: every trial with its outcome, and links to its folder and to its run in MLflow."""

from collections.abc import Iterator
from urllib.parse import quote

from analysis.report.data import ReportData
from analysis.report.document import Block, Table, Text, is_web
from analysis.results.trials import TrialRow
from analysis.tables.labels import short_names
from resnet_lab.metrics import TEST_ERROR

MAX_LISTED = 500
"""Trials listed at most: the rest are in runs.json."""


def trials(data: ReportData) -> Iterator[Block]:
    """Yield the table of the trials. Links to folders hold while the report lies in its output folder."""
    listed, runs = data.runs[:MAX_LISTED], data.launch.get("trial_links") or {}
    fields = short_names([*data.context, *data.arm])
    names = [str(run["trial"]) for run in listed]
    first = len(fields)
    folders = {(i, first + 2): f"../../trials/{quote(name)}" for i, name in enumerate(names)}
    pages = {(i, first + 3): str(runs[name]) for i, name in enumerate(names) if is_web(str(runs.get(name, "")))}
    yield Table(
        caption=f"Trials{f', the first {MAX_LISTED}' if len(data.runs) > MAX_LISTED else ''}.",
        headers=[*fields.values(), "seed", "error %", "folder", *(["MLflow"] if pages else [])],
        rows=[
            [
                *(str(run[name]) for name in fields),
                *(str(run["seed"]), _outcome(run), str(run["trial"])),
                *(["run" if (i, first + 3) in pages else ""] if pages else []),
            ]
            for i, run in enumerate(listed)
        ],
        left=first + 3 + bool(pages),
        links={**folders, **pages},
    )
    if len(data.runs) > MAX_LISTED:
        yield Text(f"All {len(data.runs)} are in runs.json.", note=True)


def _outcome(run: TrialRow) -> str:
    error = run.get(TEST_ERROR)
    return f"{error:.2f}" if isinstance(error, int | float) else str(run.get("reason") or run["status"])
