"""Fixed cost of a trial, besides its training steps and evaluations: process, data, set-up, checkpoints, tracking.

python benchmarks/fixed_cost.py                                       the digits
python benchmarks/fixed_cost.py --dataset cifar10 --data-dir DIR      CIFAR-10

A real driver runs short trials one after another, with real workers and stores (Optuna, MLflow) in a temporary folder.
The first trial bears what is done once; the figures are medians of the others.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Annotated, Any

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from benchmarks.harness.timed_worker import PARTS, TimedExecutor, Timing
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName
from resnet_lab.system.command import parse, reporting

DESCRIPTION = "Fixed cost of a trial besides its training: process, data, set-up, checkpoints, tracking."
LIMIT_S = 0.25
ARM = "model.block.norm_position"
WORK = "training"
"""The part that is no fixed cost: steps and evaluations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark. Raises UserError for a number out of range."""

    dataset: Annotated[DatasetName, arg(metavar="{" + ",".join(DatasetName) + "}")] = DatasetName.DIGITS
    """The images."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the data set. Default: download once."""
    trials: Annotated[int, arg(metavar="INT")] = 6
    """Number of trials, one after another."""
    depth: Annotated[int, arg(metavar="INT")] = 20
    """Weighted layers of the network."""
    steps: Annotated[int, arg(metavar="INT")] = 2
    """Training steps of each trial, in one epoch."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        for name, minimum in (("trials", 3), ("steps", 1)):
            if getattr(self, name) < minimum:
                raise UserError(f"--{name} {getattr(self, name)}: it must be {minimum} or more")


def measure(options: Options) -> dict[str, Any]:
    """Run the trials; return wall and CPU seconds of each part. Raises UserError."""
    with tempfile.TemporaryDirectory() as folder:
        first, *later = _timings(options, Path(folder))
    wall = {part: round(median(timing.wall[part] for timing in later), 4) for part in PARTS}
    cpu = {part: round(median(timing.cpu[part] for timing in later), 4) for part in PARTS}
    return {
        "dataset": options.dataset.value,
        "depth": options.depth,
        "trials": options.trials,
        "wall_s": wall,
        "cpu_s": cpu,
        "fixed_wall_s": round(_fixed(wall), 4),
        "fixed_cpu_s": round(_fixed(cpu), 4),
        "first_fixed_wall_s": round(_fixed(first.wall), 4),
        "limit_s": LIMIT_S,
    }


def _fixed(parts: Mapping[str, float]) -> float:
    return sum(parts.values()) - parts[WORK]


def _timings(options: Options, out: Path) -> list[Timing]:
    """Launch a study; return the timings of its trials but the last, the first of which includes warm-up."""
    # Every worker imports this module again, as it does a study's: it is to be as light.
    from resnet_lab.data.load import ensure
    from studies.bn_placement import STUDY
    from studies.cli.launch import StudyLaunch
    from studies.modes.mode import make_mode
    from studies.plan.options import Options as StudyOptions
    from studies.plan.plan import make_plan

    study_options = StudyOptions(
        dataset=options.dataset,
        data_dir=options.data_dir,
        seeds=tuple(range(-(-options.trials // 2))),
        out=out,
        assignments=(f"model.depth={options.depth}", f"recipe.iterations={options.steps}", f"{ARM}=before_add"),
    )
    plan = make_plan(STUDY, study_options)
    ensure(plan.cells[0].data, options.data_dir)
    made: list[TimedExecutor] = []

    def make(**arguments: Any) -> TimedExecutor:
        made.append(TimedExecutor(**arguments))
        return made[0]

    mode = make_mode(plan, study_options)
    with redirect_stdout(StringIO()):
        StudyLaunch(plan=plan, options=study_options, mode=mode, device="cpu", jobs=1, make_executor=make).run()
    return made[0].timings


def table(result: dict[str, Any]) -> str:
    """Return the result in at most 80 columns."""
    lines = [f"{'part':12} {'wall s':>8} {'CPU s':>8}"]
    lines += [f"{part:12} {result['wall_s'][part]:8.3f} {result['cpu_s'][part]:8.3f}" for part in PARTS if part != WORK]
    lines.append(f"{'fixed cost':12} {result['fixed_wall_s']:8.3f} {result['fixed_cpu_s']:8.3f}")
    lines.append(f"the first trial: {result['first_fixed_wall_s']:.3f} s; the limit after it: {result['limit_s']:g} s")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print. Exits with 2 for a mistake of the user's."""
    with reporting():
        options = parse(Options, prog="python benchmarks/fixed_cost.py", description=DESCRIPTION, argv=argv)
        started = time.perf_counter()
        result = measure(options) | {"total_s": round(time.perf_counter() - started, 1)}
        print(json.dumps(result) if options.json else table(result))


if __name__ == "__main__":
    main()
