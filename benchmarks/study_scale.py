"""Cost of a study of many trials besides its training: planning, driving, resuming, reporting, memory.

python benchmarks/study_scale.py                              100 and 1,000 trials
python benchmarks/study_scale.py --trials 100 1000 10000      the target's size, minutes
python benchmarks/study_scale.py --trials 1000 --nodes 4      on simulated nodes and here in turns, and the ratio
python benchmarks/study_scale.py --trials 1000 --nodes 4 --server postgresql   books on an MLflow server, and the ratio
python benchmarks/study_scale.py --trials 10000 --nodes 50 --dying 0.05    nodes die under 5 % of the trials

Trials take no time: an executor writes their files at once. All else is what a study runs: plan, audit, Optuna, MLflow,
driver, tables, page. Each figure is of a process of its own.
"""

import contextlib
import json
import math
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from resnet_lab.errors import UserError
from resnet_lab.system.command import parse, reporting

DESCRIPTION = "Cost of a study of many trials besides its training."
ARMS = 4
LIMITS = {"planning_s": 10.0, "trial_ms": 50.0, "resume_s": 10.0, "memory_mb": 1000.0}
Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark. Raises UserError for a number out of range."""

    trials: Annotated[tuple[int, ...], arg(metavar="INT ...")] = (100, 1000)
    """Sizes of the studies: four arms, with more depths and more seeds in larger ones."""
    nodes: Annotated[int, arg(metavar="INT")] = 0
    """Run on so many simulated nodes, without a common disk; what the agents do there is not counted."""
    server: Annotated[Literal["none", "sqlite", "postgresql"], arg(metavar="DATABASE")] = "none"
    """Have the books on an MLflow server of this database, in turns with those in `--out`, and print the ratio."""
    turns: Annotated[int, arg(metavar="INT")] = 2
    """How often each size runs in either place, in turns; the ratio is of the medians."""
    dying: Annotated[float, arg(metavar="SHARE")] = 0.0
    """With --nodes: the share of trials under which the agent of the node dies."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        if not self.trials or min(self.trials) < ARMS:
            raise UserError(f"--trials {' '.join(map(str, self.trials))}: give sizes of {ARMS} or more")
        if self.turns < 1 or self.nodes < 0 or not 0 <= self.dying <= 1:
            raise UserError("--turns is 1 or more, --nodes 0 or more, --dying a share")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study runs and keeps its books: on so many simulated nodes, on an MLflow server of a database."""

    nodes: int = 0
    server: Literal["none", "sqlite", "postgresql"] = "none"


def places(options: Options) -> list[Place]:
    """Return the places of a size in turns: what is measured is the other one to the first."""
    asked = Place(options.nodes, options.server)
    if options.dying or asked == Place():
        return [asked]
    return [replace(asked, server="none") if options.server != "none" else Place(), asked] * options.turns


def is_like(row: Figures, other: Figures) -> bool:
    """Whether two rows are of one place."""
    return (row["nodes"], row["server"]) == (other["nodes"], other["server"])


def measure(trials: int, place: Place, dying: float = 0.0) -> Figures:
    """Run a study of about `trials` trials, run it again, write its report again; return the figures.

    On nodes the agent dies under a share of the trials.
    """
    launch_on = partial(launch_study, nodes=place.nodes, dying=dying)
    with tempfile.TemporaryDirectory() as out, books(place.server, Path(out)):
        first, again, report = (_apart(step, out, trials) for step in (launch_on, launch_on, write_reports))
    count = first["trials"]
    driving = first["training_s"] - first["executor_s"]
    driving_cpu = first["training_cpu_s"] - first["executor_cpu_s"]
    return {
        "nodes": float(place.nodes),
        "server": float(place.server != "none"),
        "trials": count,
        "lost_agents": first["lost_agents"],
        "planning_s": round(first["planning_s"], 2),
        "trial_ms": round(1000 * driving / count, 2),
        "trial_cpu_ms": round(1000 * driving_cpu / count, 2),
        "closing_s": round(first["report_s"], 2),
        "resume_s": round(again["total_s"], 2),
        "resume_cpu_s": round(again["total_cpu_s"], 2),
        "report_s": round(report["total_s"], 2),
        "memory_mb": round(max(first["memory_mb"], again["memory_mb"])),
    }


@contextlib.contextmanager
def books(server: str, folder: Path) -> Iterator[None]:
    """Have the processes that start here keep their books on a server."""
    from benchmarks.harness.tracking_servers import mlflow_server, postgresql
    from resnet_lab.system.environment import environment_set

    with contextlib.ExitStack() as stack:
        if server != "none":
            sqlite = f"sqlite:///{folder}/server.db"
            uri = stack.enter_context(postgresql()) if server == "postgresql" else sqlite
            address = stack.enter_context(mlflow_server(folder, uri))
            stack.enter_context(environment_set({"MLFLOW_TRACKING_URI": address}))
        yield


def _apart(step: Callable[[str, int], Figures], out: str, trials: int) -> Figures:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(step, out, trials).result()


def launch_study(out: str, trials: int, nodes: int = 0, dying: float = 0.0) -> Figures:
    """Launch the study in this process, as its command does."""
    from benchmarks.harness.simulated import SimulatedExecutor
    from benchmarks.harness.simulated_cluster import SimulatedFleet
    from studies.bn_placement import STUDY
    from studies.cli.launch import StudyLaunch
    from studies.modes.mode import Planned
    from studies.plan.options import Options as StudyOptions
    from studies.plan.plan import make_plan

    tempfile.tempdir = out  # of this process alone: agents that are killed leave their folders there
    made: list[SimulatedExecutor | SimulatedFleet] = []
    clock = Clock()

    def make(**arguments: Any) -> SimulatedExecutor | SimulatedFleet:
        made.append(SimulatedFleet(nodes, dying, **arguments) if nodes else SimulatedExecutor(**arguments))
        return made[0]

    class Watched(Planned):
        def run(self, driver: Any, console: Any) -> Any:
            clock.lap("planning")
            outcome = super().run(driver, console)
            clock.lap("training")
            return outcome

    depths, seeds = shape(trials)
    varied = f"model.depth={','.join(str(8 + 6 * index) for index in range(depths))}"
    options = StudyOptions(seeds=tuple(range(seeds)), out=Path(out), assignments=(varied,))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        plan = make_plan(STUDY, options)
        StudyLaunch(plan=plan, options=options, mode=Watched(), device="cpu", jobs=2, make_executor=make).run()
    clock.lap("report")
    figures = clock.figures() | {"trials": float(len(plan.runs())), "memory_mb": _peak_mb()}
    _require_each_once(plan.runs(), Path(out))
    figures |= {"lost_agents": float(getattr(made[0], "losses", 0))}
    return figures | {"executor_s": made[0].wall, "executor_cpu_s": made[0].cpu}


def _require_each_once(specs: Sequence[Any], out: Path) -> None:
    """Raise RuntimeError unless MLflow and the folders have one finished run of each trial, and no others."""
    from resnet_lab.tracking import read_runs
    from studies.bn_placement import STUDY

    finished = Counter(run["tags"]["trial"] for run in read_runs(out, STUDY.name) if run["status"] == "FINISHED")
    del finished[None]
    folders = {path.parent.name for path in (out / "trials").glob("*/result.json")}
    if set(finished.values()) != {1} or len(folders) != len(specs) or set(finished) != folders:
        raise RuntimeError(f"{len(specs)} trials, {len(folders)} folders, {sum(finished.values())} finished runs")


def write_reports(out: str, trials: int) -> Figures:  # noqa: ARG001  # as the other steps
    """Write the study's report again, as `python -m analysis.report` does."""
    clock = Clock()
    from analysis.report.write import write_report
    from analysis.results.report_folder import find_reports

    for folder in find_reports("bn_placement", Path(out)):
        write_report(folder.path)
    clock.lap("report")
    return clock.figures()


def shape(trials: int) -> tuple[int, int]:
    """Return the numbers of depths and of seeds, which both grow with the study: 25 and 100 of 10,000 trials."""
    depths = max(1, math.isqrt(trials) // ARMS)
    return depths, -(-trials // (ARMS * depths))


class Clock:
    """Laps by name, of the clock and of this process's processor time."""

    def __init__(self) -> None:
        self._laps: Figures = {}
        self._start = self._last = (time.perf_counter(), time.process_time())

    def lap(self, name: str) -> None:
        now = (time.perf_counter(), time.process_time())
        self._laps |= {f"{name}_s": now[0] - self._last[0], f"{name}_cpu_s": now[1] - self._last[1]}
        self._last = now

    def figures(self) -> Figures:
        total = {"total_s": self._last[0] - self._start[0], "total_cpu_s": self._last[1] - self._start[1]}
        return self._laps | total


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB


COLUMNS = {
    "nodes": ("nodes", "d"),
    "trials": ("trials", "d"),
    "lost_agents": ("lost", "d"),
    "planning_s": ("plan s", ".1f"),
    "trial_ms": ("ms", ".1f"),
    "trial_cpu_ms": ("CPU ms", ".1f"),
    "closing_s": ("close", ".1f"),
    "resume_s": ("resume", ".1f"),
    "resume_cpu_s": ("CPU s", ".1f"),
    "report_s": ("report", ".1f"),
    "memory_mb": ("MB", ".0f"),
}


def head() -> str:
    return "".join(f"{title:>7}" for title, _ in COLUMNS.values())


def line(figures: Figures) -> str:
    """Return one size's figures in 80 columns at most."""
    cells = ((figures[name], form) for name, (_, form) in COLUMNS.items())
    return "".join(f"{format(int(value) if form == 'd' else value, form):>7}" for value, form in cells)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure each size and print it. Exits with 2 for a mistake of the user's."""
    with reporting():
        options = parse(Options, prog="python benchmarks/study_scale.py", description=DESCRIPTION, argv=argv)
        rows: list[Figures] = []
        if not options.json:
            print(head(), flush=True)
        for trials in options.trials:
            for place in places(options):
                rows.append(measure(trials, place, options.dying))
                if not options.json:
                    print(line(rows[-1]) + (" *" if place.server != "none" else ""), flush=True)
        print(json.dumps(summary(rows) | {"sizes": rows}) if options.json else text_of(summary(rows)))


def summary(rows: Sequence[Figures]) -> dict[str, Any]:
    """Return what the rows say: the cost of a trial in the largest study to the smallest, and on nodes to here."""
    here = [row for row in rows if is_like(row, rows[0])]
    found: dict[str, Any] = {"largest_to_smallest": round(here[-1]["trial_cpu_ms"] / here[0]["trial_cpu_ms"], 2)}
    if len(here) < len(rows):
        found["other_place_to_first"] = {f"{size:.0f}": ratios(rows, size) for size in {row["trials"] for row in rows}}
    return found | {"limits": LIMITS}


def ratios(rows: Sequence[Figures], size: float) -> Figures:
    """Return wall and processor time a trial in the other place to the first, of the medians of one size's turns."""
    return {
        name: round(
            median(row[name] for row in rows if not is_like(row, rows[0]) and row["trials"] == size)
            / median(row[name] for row in rows if is_like(row, rows[0]) and row["trials"] == size),
            2,
        )
        for name in ("trial_ms", "trial_cpu_ms")
    }


def text_of(found: Mapping[str, Any]) -> str:
    lines = [f"cost per trial, largest study to smallest: {found['largest_to_smallest']:.2f} (CPU)"]
    for size, each in found.get("other_place_to_first", {}).items():
        lines.append(
            f"{size} trials: a trial's cost in the second place to the first: {each['trial_ms']:.2f} "
            f"(CPU {each['trial_cpu_ms']:.2f}); * books on an MLflow server"
        )
    return "\n".join([*lines, f"limits: {found['limits']}"])


if __name__ == "__main__":
    main()
