"""Gradient by path length: through how many blocks does a trained network's gradient flow?

python -m analysis.path_length --checkpoint PATH                exact spectrum and sampled paths of 64 test images
python -m analysis.path_length --run ID --at stem --draws 100

A ResNet-56 takes half a minute for the exact spectrum and about 15 core-seconds more for each draw per length.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from resnet_lab.errors import UserError
from resnet_lab.spec.dataset_option import DatasetOption, take_images
from resnet_lab.system.activity import LOADING, WRITING, activity
from resnet_lab.system.command import parse, reporting
from resnet_lab.system.interrupt import interruptible

if TYPE_CHECKING:
    from analysis.inputs.progress_bar import Progress
    from analysis.inputs.targets import Target
    from analysis.paths.rows import PathReport

DESCRIPTION = "Through how many blocks does a trained network's gradient flow?"
INTERRUPTED = "interrupted: what was finished is kept, the rest was not written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the command. Raises UserError for a number out of range."""

    checkpoint: Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")] = None
    """A trial's folder, its model.safetensors, or any checkpoint that resnet_lab.interchange reads."""
    run: Annotated[str | None, arg(metavar="ID", help_behavior_hint="")] = None
    """The MLflow run of a trial under --out."""
    study: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """Every finished trial of a study under --out."""
    images: Annotated[int, arg(metavar="INT")] = 64
    """Number of test images, the first ones, as one batch."""
    draws: Annotated[int, arg(metavar="INT")] = 20
    """Single paths drawn for each length; where there are no more than that, all are taken. Veit et al. drew 1,000."""
    interval: Literal["t", "bootstrap"] = "t"
    """95 % interval of the mean norm of the drawn paths: Student's, or the bootstrap-t, which bears skewed norms."""
    at: Literal["image", "stem"] = "image"
    """Where gradients are read: at the normalised image, or after the stem."""
    bn: Literal["eval", "train"] = "eval"
    """Batch norms with their running statistics, or with those of the batch."""
    dataset: DatasetOption = None
    """Another data set than the network was trained on."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the data set. Default: download once."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Tables and figures go to DIR/paths/<name>; --run and --study are looked up in DIR."""
    device: Annotated[str, arg(metavar="{auto,cpu,cuda}")] = "auto"
    """Where to compute."""
    seed: Annotated[int, arg(metavar="INT")] = 0
    """Seed of the drawn paths."""
    precision: Literal["fp64", "fp32"] = "fp64"
    """Arithmetic: fp64 keeps the sum identity to some 14 digits, fp32 to some 6, at half the memory."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the rows as JSON on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        take_images(self)
        for name, bound in (("images", 1), ("draws", 1), ("seed", 0)):
            if getattr(self, name) < bound:
                raise UserError(f"--{name} {getattr(self, name)}: it must be {bound} or more")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command. Exits with 2 for a mistake of the user's, 130 on Ctrl-C."""
    with reporting(), interruptible(INTERRUPTED):
        options = parse(Options, prog="python -m analysis.path_length", description=DESCRIPTION, argv=argv)
        _examine_all(options)


def _examine_all(options: Options) -> None:
    """Examine each network, write its report and log it; loads torch, so not before the options are known."""
    from rich.console import Console

    log, console = Console(stderr=True), Console()
    with activity(LOADING, log):
        from analysis.inputs.progress_bar import progress_bars
        from analysis.inputs.targets import resolve
        from analysis.paths.rows import Row, rows
        from analysis.paths.text import notes, table

        targets = resolve(options)
    printed: list[Row] = []
    for target in targets:
        with progress_bars(log) as progress:
            report = examine(target, options, progress)
        printed += rows(report)
        with activity(WRITING, log):
            places = _write(report, target, options)
        if not options.json:
            console.print(table(report))
            console.print("\n".join(notes(report)), highlight=False, style="dim")
        log.print(places, highlight=False, markup=False, soft_wrap=True)
    if options.json:
        print(json.dumps(printed, indent=1, allow_nan=False))


def examine(target: "Target", options: Options, progress: "Progress") -> "PathReport":
    """Return one network's report.

    Raises UserError for a net without blocks, with another forward than theirs, or without a usable gradient.
    """
    import torch

    from analysis.inputs.chain import decompose
    from analysis.inputs.self_check import require_own_forward
    from analysis.paths.recording import prepare
    from analysis.paths.rows import Conventions, PathReport
    from analysis.paths.sampling import passes, sample
    from analysis.paths.spectrum import exact_spectrum
    from resnet_lab.data.augment import normalise
    from resnet_lab.engine.precision import use_precision
    from resnet_lab.spec import Precision

    test = target.data.test
    if options.images > len(test):
        raise UserError(f"--images {options.images}: {target.data.name} has {len(test)} test images, ask for no more")
    chain = decompose(target.model)
    pixels, labels = test.pixels[: options.images], test.labels[: options.images]
    use_precision(Precision.FP32, target.device)  # float32 is float32 on a GPU, too
    dtype = {"fp64": torch.float64, "fp32": torch.float32}[options.precision]
    images = normalise(target.data.view(pixels), target.data.mean, target.data.std, dtype).contiguous()
    require_own_forward(target.model, chain.items, images)
    prepare(chain, options.bn, dtype)
    spectrum, recording = exact_spectrum(chain, images, labels, options.at, progress("exact spectrum", len(chain)))
    advance = progress("single paths", passes(recording, options.draws))
    sampled = sample(recording, options.draws, options.seed, advance, limits=options.interval)
    conventions = Conventions(
        at=options.at,
        bn=options.bn,
        images=options.images,
        dataset=target.data.name,
        seed=options.seed,
        limits=options.interval,
        precision=options.precision,
    )
    return PathReport(name=target.name, spectrum=spectrum, sampled=sampled, conventions=conventions)


def _write(report: "PathReport", target: "Target", options: Options) -> str:
    """Write CSV, figure and summary, and log them to the run the network came from; return a line for each place."""
    from analysis.paths.figure import plot_paths
    from analysis.paths.rows import summary
    from resnet_lab.system import atomic
    from resnet_lab.tracking.attach import log_files

    folder = options.out / "paths" / target.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_json(folder / "summary.json", summary(report))
        files = [*plot_paths(report, folder / "spectrum"), folder / "summary.json"]
    except OSError as error:
        raise UserError(f"cannot write to {folder} ({error.strerror}): choose another --out") from None
    params = {name: getattr(options, name) for name in ("images", "draws", "at", "bn", "seed")}
    params |= {"interval": options.interval} if options.interval != "t" else {}
    params |= {"precision": options.precision} if options.precision != "fp64" else {}
    logged = log_files(files, out=options.out, run_id=target.run_id, kind="paths", name=target.name, params=params)
    return f"tables and figures: {folder}\n{logged}"


if __name__ == "__main__":
    main()
