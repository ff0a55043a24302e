"""What does a trained network do without some of its blocks?

python -m analysis.block_deletion --checkpoint PATH                      every block deleted in turn
python -m analysis.block_deletion --run ID --experiment multiple reorder --images 2000
"""

import json
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from analysis.lesion_choices import Experiment, Lesion
from resnet_lab.command import parse, reporting
from resnet_lab.errors import UserError
from resnet_lab.fields import Value
from resnet_lab.interrupt import interruptible
from resnet_lab.spec import DatasetName, Precision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.clinic import Watch

INTERRUPTED = "interrupted: nothing was written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the command. Raises UserError for a value out of range."""

    checkpoint: Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")] = None
    """A trial's folder, its model.safetensors, or any checkpoint that resnet_lab.interchange reads."""
    run: Annotated[str | None, arg(metavar="ID", help_behavior_hint="")] = None
    """The MLflow run of a trial under --out."""
    study: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """Every finished trial of a study under --out."""
    experiment: Annotated[tuple[Experiment, ...], arg(metavar="NAME ...")] = (Experiment.SINGLE,)
    """single, multiple, reorder, pairs, prefix, suffix, duplicate; contrast: layers of a VGG or a plain network."""
    mode: Annotated[tuple[str, ...], arg(metavar="MODE ...")] = ("delete",)
    """delete, zero, mean, reinit, randomise, duplicate, scale:ALPHA."""
    heal: Annotated[int, arg(metavar="BATCHES")] = 0
    """Also with batch-norm statistics re-estimated on so many batches of 128 training images."""
    blocks: Annotated[tuple[int, ...], arg(metavar="INT ...", help_behavior_hint="")] = ()
    """Only these blocks, numbered from 0. Default: all."""
    max_k: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """Most blocks (multiple) or swaps (reorder) at once. Default: all."""
    draws: Annotated[int, arg(metavar="INT")] = 20
    """Most random draws for each k."""
    width: Annotated[float, arg(metavar="POINTS")] = 1.0
    """Stop drawing for a k once the 95 % interval of its mean error is narrower than this; 0: never."""
    include_downsampling: Annotated[bool, arg(help_behavior_hint="")] = False
    """Let multiple, prefix and suffix touch blocks that change the shape, too."""
    images: Annotated[int, arg(metavar="INT")] = 0
    """Only the first so many test images; 0: all."""
    dataset: Annotated[DatasetName | None, arg(metavar="{" + ",".join(DatasetName) + "}", help_behavior_hint="")] = None
    """Another data set than the network was trained on."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the data set. Default: download once."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Tables and figures go to DIR/lesions/<name>; --run and --study are looked up in DIR."""
    device: Annotated[str, arg(metavar="{auto,cpu,cuda}")] = "auto"
    """Where to evaluate."""
    seed: Annotated[int, arg(metavar="INT")] = 0
    """Seed of the draws and of randomise."""
    precision: Annotated[Precision, arg(metavar="{" + ",".join(Precision) + "}")] = Precision.FP32
    """Arithmetic of the forward passes."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the rows as JSON on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        least = {"heal": 0, "draws": 1, "width": 0, "images": 0, "seed": 0, "max_k": 1}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and not value >= bound:
                raise UserError(f"--{name.replace('_', '-')} {value}: it must be {bound} or more")
        if not (self.experiment and self.mode):
            raise UserError("--experiment and --mode need a name: leave them out for single and delete")
        self.lesions()

    def lesions(self) -> tuple[Lesion, ...]:
        """Return the lesions by their names, each once."""
        return tuple(dict.fromkeys(map(Lesion.parse, self.mode)))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command. Exits with 2 for a mistake of the user's, 130 on Ctrl-C."""
    with reporting(), interruptible(INTERRUPTED):
        description = "What does a trained network do without some of its blocks?"
        options = parse(Options, prog="python -m analysis.block_deletion", description=description, argv=argv)
        _examine(options)


def _examine(options: Options) -> None:
    """Examine each network, write its report and log it; loads torch, so not before the options are known."""
    from rich.console import Console

    from analysis.inputs import resolve
    from analysis.lesion_report import correlation_lines, summary, write
    from analysis.lesion_session import examine_target
    from analysis.run_log import log_files

    rows, notes = [], Console(stderr=True)
    for target in resolve(options):
        with _progress(notes) as watch:
            report = examine_target(target, options, watch)
        folder = options.out / "lesions" / target.name
        files = write(report, folder)
        params: dict[str, Value] = {name: getattr(options, name) for name in ("seed", "draws", "images", "heal")}
        params |= {"experiment": " ".join(options.experiment), "mode": " ".join(options.mode)}
        log_files(files, out=options.out, run_id=target.run_id, kind="lesions", name=target.name, params=params)
        rows += [{**row, "network": target.name} for row in report.rows]
        if not options.json:
            console = Console()
            console.print(summary(report))
            for line in correlation_lines(report):
                console.print(line, highlight=False, style="dim")
        notes.print(f"tables and figures: {folder}", highlight=False, soft_wrap=True)
    if options.json:
        print(json.dumps(rows, indent=1, allow_nan=False))


@contextmanager
def _progress(console: "object") -> "Iterator[Watch]":
    """Show a bar for each round of networks where the console is a terminal; else nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    assert isinstance(console, Console)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def watch(label: str, total: int | None, /):  # type: ignore[no-untyped-def]  # `Watch` types it
            task = progress.add_task(label, total=total)
            return lambda: progress.advance(task)

        yield watch


if __name__ == "__main__":
    main()
