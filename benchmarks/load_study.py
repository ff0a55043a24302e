"""Time of `analysis.load_study` for a study of many trials.

python benchmarks/load_study.py                 5,000 trials, made in a temporary folder and removed
"""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from analysis import load_study
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace, to_json
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.system.command import parse, reporting
from resnet_lab.trials.signature import sign

DESCRIPTION = "Time of analysis.load_study for a study of many trials."
LIMIT_S = 5.0
SEEDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark. Raises UserError for a number out of range."""

    trials: Annotated[int, arg(metavar="INT")] = 5_000
    """Number of trials, ten seeds per arm."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise UserError(f"--trials {self.trials}: it must be 1 or more")


def main(argv: Sequence[str] | None = None) -> None:
    """Make the trials, load them three times, print the seconds of each: the first also imports pandas."""
    with reporting():
        options = parse(Options, prog="python benchmarks/load_study.py", description=DESCRIPTION, argv=argv)
        with tempfile.TemporaryDirectory() as folder:
            make_study(Path(folder), options.trials)
            seconds = []
            for _ in range(3):
                started = time.perf_counter()
                frame = load_study("made", Path(folder))
                seconds.append(time.perf_counter() - started)
        if options.json:
            print(json.dumps({"trials": len(frame), "columns": frame.shape[1], "seconds": seconds, "limit_s": LIMIT_S}))
        else:
            times = ", ".join(f"{value:.2f}" for value in seconds)
            print(f"{len(frame)} trials, {frame.shape[1]} columns: {times} s; the limit is {LIMIT_S:g} s")


def make_study(out: Path, trials: int) -> None:
    """Write the folders of a study as its end leaves them."""
    runs = []
    for index in range(trials):
        spec = replace(RunSpec(), {"recipe.lr": 0.001 * (1 + index // SEEDS), "seed": index % SEEDS})
        folder = out / "trials" / trial_name(spec)
        folder.mkdir(parents=True)
        result = {"test/error": 8.0, "test/wrong": 800, "test/images": 10_000, "test/loss": 0.4, "val/error": 8.5}
        result |= {"train/error": 0.1, "time/train_s": 60.0, "epochs": 182, "iterations": 64_000}
        (folder / "config.json").write_text(to_json(spec))
        (folder / "model.safetensors").write_bytes(b"weights")
        result["sha256"] = hashlib.sha256(b"weights").hexdigest()
        (folder / "result.json").write_text(json.dumps(sign(folder, result), indent=2))
        runs.append({"recipe.lr": spec.recipe.lr, "seed": spec.seed, "trial": folder.name, "status": "complete"})
    report = out / "reports" / "made-quick-cifar10"
    report.mkdir(parents=True)
    (report / "runs.json").write_text(json.dumps(runs))


if __name__ == "__main__":
    main()
