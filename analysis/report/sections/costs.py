"""Section `Costs`: time, speed, parameters, FLOPs and energy."""

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from analysis.comparison.arms import ArmRow
from analysis.report.data import ReportData
from analysis.report.document import Block, Items, Table, Text
from analysis.report.traces import Traces
from analysis.tables.cells import context_breaks, field_cells, field_headers
from resnet_lab.outcomes import Status

BACKWARD = 3
"""Training takes about three forward passes: one forward, two backward."""


PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def costs(data: ReportData) -> Iterator[Block]:
    """Yield time, speed, parameters and FLOPs of each arm, and the whole."""
    rows = data.rows
    fields = field_headers(rows, merged=False)
    headers = ["parameters", "FLOPs/image", "training FLOPs", "s/trial", "s/epoch", "images/s"]
    yield Table(
        caption="Cost of one trial, mean over the complete ones.",
        headers=[*fields, *headers],
        rows=[[*names, *_cost(data, row)] for names, row in zip(field_cells(rows, merged=False), rows, strict=True)],
        left=len(fields),
        breaks=context_breaks([row.context for row in rows]),
    )
    seconds = sum(float(run.get("time/train_s") or 0) for run in data.runs)
    yield Items([("Training, all trials", seconds_or_hours(seconds)), *last_launch(data)])
    yield Text(
        "FLOPs/image: 2 x multiply-adds of the forward pass, counted by torch. training FLOPs: about"
        f" {BACKWARD} forward passes for each image seen.",
        note=True,
    )


def last_launch(data: Traces) -> list[tuple[str, str]]:
    """Return wall time and energy of the last launch, as far as they were measured."""
    joules = data.launch.get("energy_j")
    energy = (
        f"{joules / 3600:.2f} Wh over the last launch (processor packages by RAPL, GPUs by NVML)"
        if joules
        else "not measured"
    )
    parts = data.launch.get("seconds", {})
    wall = [("Wall time of the last launch", seconds_or_hours(sum(parts.values())))] if parts else []
    return [*wall, ("Energy", energy)]


def seconds_or_hours(seconds: float) -> str:
    """Return `42 s`, or `2.5 h` from an hour and a half on."""
    return f"{seconds:.0f} s" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _cost(data: ReportData, row: ArmRow) -> list[str]:
    names = {**row.context, **row.arm}
    cells = (data.audit or {}).get("cells", ())
    built: Mapping[str, Any] = next((cell for cell in cells if all(cell[n] == v for n, v in names.items())), {})
    complete = [run for run in data.runs_of(row) if run["status"] == Status.COMPLETE]
    epochs = [epoch for run in complete for epoch in data.histories[run["trial"]]]
    speeds = [speed for epoch in epochs if (speed := epoch.get("time/images_per_s"))]
    lengths = [length for epoch in epochs if (length := epoch.get("time/epoch_s"))]
    seconds = [float(run["time/train_s"]) for run in complete if "time/train_s" in run]
    seen = _images_seen(data, complete)
    flops = built.get("flops")
    return [
        f"{built['parameters']:,}" if built else "n/a",
        large(flops) if flops else "n/a",
        large(BACKWARD * flops * seen) if flops and seen else "n/a",
        f"{fmean(seconds):.1f}" if seconds else "n/a",
        f"{fmean(lengths):.1f}" if lengths else "n/a",
        f"{fmean(speeds):,.0f}" if speeds else "n/a",
    ]


def large(value: float) -> str:
    """Return three digits and a prefix: 5.03 M."""
    power = next((step for step in range(len(PREFIXES)) if value < 999.5 * 1000**step), len(PREFIXES) - 1)
    return f"{value / 1000**power:.3g} {PREFIXES[power]}".rstrip()


def _images_seen(data: ReportData, runs: Sequence[Mapping[str, Any]]) -> float:
    seen = (images_seen(data, str(run["trial"]), run.get("iterations", 0)) for run in runs)
    return next((count for count in seen if count), 0.0)


def images_seen(data: Traces, trial: str, iterations: int) -> float:
    """Return how many images a trial has seen after n iterations; 0 where its folder is gone."""
    config = json.loads(data.configs.get(trial) or "{}")
    return float(config.get("recipe.batch_size", 0) * iterations)
