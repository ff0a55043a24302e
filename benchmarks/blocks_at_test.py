"""What a network that trained without some of its blocks does at test, with all: scaled or not, statistics as gathered.

python benchmarks/blocks_at_test.py            about 7 minutes on one core
python benchmarks/blocks_at_test.py --json

ResNet-56 on the digits, once by effective blocks (12 of 27 a mini-batch) and once by stochastic depth (p_L = 0.5). Each
network is trained once a seed and then tested in four ways: branches scaled by the share of mini-batches that trained
them or not, batch-norm statistics as training gathered them or estimated again with every block.
"""

import copy
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import replace
from resnet_lab.system.command import parse, reporting
from studies.plan.quick_recipes import QUICK

if TYPE_CHECKING:
    from resnet_lab.engine.session import Session

DESCRIPTION = "Test errors of networks that trained without some blocks: scaled or not, recalibrated or not."


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark. Raises UserError for a number out of range."""

    depth: Annotated[int, arg(metavar="INT")] = 56
    """Depth of the network."""
    blocks: Annotated[int, arg(metavar="INT")] = 12
    """Blocks that each mini-batch trains, by effective blocks."""
    drop_path: Annotated[float, arg(metavar="FLOAT")] = 0.5
    """Chance that stochastic depth skips the last block."""
    steps: Annotated[int, arg(metavar="INT")] = 1000
    """Steps of training."""
    seeds: Annotated[int, arg(metavar="INT")] = 3
    """Networks of each kind."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        for name, value in (("blocks", self.blocks), ("steps", self.steps), ("seeds", self.seeds)):
            if value < 1:
                raise UserError(f"--{name} {value}: it must be 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One network tested in one way; errors in per cent, on test and on training images of one view each."""

    kind: str
    seed: int
    scaled: bool
    recalibrated: bool
    test_error: float
    train_error: float


def measure(options: Options) -> list[Row]:
    """Train every network and test it in four ways."""
    return [
        row
        for kind, changes in kinds(options).items()
        for seed in range(options.seeds)
        for row in rows_of(kind, spec_of(options, seed, changes))
    ]


def kinds(options: Options) -> Mapping[str, Mapping[str, Value]]:
    """Return what makes the two kinds of training."""
    effective: Mapping[str, Value] = {
        "recipe.effective_blocks": options.blocks,
        "recipe.effective_test": "unscaled",
    }
    return {"effective blocks": effective, "stochastic depth": {"model.block.drop_path": options.drop_path}}


def spec_of(options: Options, seed: int, changes: Mapping[str, Value]) -> RunSpec:
    """Return a run with the recipe of quick studies."""
    base = {"data.name": "digits", "model.depth": options.depth, "recipe.iterations": options.steps, "seed": seed}
    return replace(RunSpec(), {**QUICK[replace(RunSpec(), {"data.name": "digits"}).data.name], **base, **changes})


def rows_of(kind: str, spec: RunSpec) -> Iterator[Row]:
    """Train a network and yield its four tests."""
    import torch

    from resnet_lab.data.load import load
    from resnet_lab.engine.session import Session

    session = Session(spec, load(spec.data), torch.device("cpu"))
    while not session.done:
        session.run_epoch()
    for scaled in (False, True):
        for recalibrated in (False, True):
            test, train = errors(session, scaled=scaled, recalibrated=recalibrated)
            yield Row(
                kind=kind, seed=spec.seed, scaled=scaled, recalibrated=recalibrated, test_error=test, train_error=train
            )


def errors(session: "Session", *, scaled: bool, recalibrated: bool) -> tuple[float, float]:
    """Return the errors of a copy of the session's network on test and on training images."""
    from resnet_lab.engine.evaluate import evaluate
    from resnet_lab.engine.norm_statistics import estimate_on_images
    from resnet_lab.networks.resnet import residual_blocks

    model, data, dtype = copy.deepcopy(session.model), session.data, session.dtype
    blocks = residual_blocks(model)
    trained = session.spec.recipe.effective_blocks or len(blocks)
    for block in blocks:
        block.test_share = trained / len(blocks) if scaled else 1 / (1 - block.drop_path)
    if recalibrated:
        estimate_on_images(model, data, batch=session.spec.recipe.batch_size, dtype=dtype)
    return evaluate(model, data.test, data, dtype).error, evaluate(model, data.train, data, dtype).error


def text(rows: Sequence[Row]) -> str:
    """Return the mean errors of each way of testing, with those of each seed."""
    lines = ["kind              branches  statistics    test %  train %  test % by seed"]
    ways = dict.fromkeys((row.kind, row.scaled, row.recalibrated) for row in rows)
    for kind, scaled, recalibrated in ways:
        same = [row for row in rows if (row.kind, row.scaled, row.recalibrated) == (kind, scaled, recalibrated)]
        test, train = fmean(row.test_error for row in same), fmean(row.train_error for row in same)
        words = f"{kind:<18}{'scaled' if scaled else 'unscaled':<10}{'estimated' if recalibrated else 'gathered':<12}"
        lines.append(f"{words}{test:8.2f}{train:9.2f}  {', '.join(f'{row.test_error:.2f}' for row in same)}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command. Exits with 2 for a mistake of the user's."""
    with reporting():
        options = parse(Options, prog="python benchmarks/blocks_at_test.py", description=DESCRIPTION, argv=argv)
        rows = measure(options)
        print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else text(rows))


if __name__ == "__main__":
    main()
