"""The command `python -m analysis.landscape`: networks examined one by one, written, printed and logged."""

import json
from collections.abc import Sequence

from rich.console import Console

from analysis.inputs.batches import ImageBatches
from analysis.inputs.progress_bar import Progress, progress_bars
from analysis.inputs.targets import Target, labels
from analysis.landscape.directions import cosine, filter_normalised
from analysis.landscape.figures import plot_gradients, write_figures
from analysis.landscape.gradients import MINI_BATCH, gradients_of
from analysis.landscape.options import Options
from analysis.landscape.rows import Conventions, Landscape, Row, gradient_rows, summary, surface_rows
from analysis.landscape.surface import coordinates, loss_surface
from analysis.landscape.text import notes, table
from resnet_lab.errors import UserError
from resnet_lab.interchange.weights import NONE
from resnet_lab.system import atomic
from resnet_lab.system.activity import WRITING, activity
from resnet_lab.tracking.attach import log_files

METRICS = ("loss", "error", "lowest_loss", "highest_loss")
"""What an MLflow run of a landscape has as metrics."""


def examine_all(targets: Sequence[Target], options: Options) -> None:
    """Examine each network, write its files and log them. Raises UserError."""
    log, console = Console(stderr=True), Console()
    found = []
    for target in targets:
        with progress_bars(log) as progress:
            landscape = examine(target, options, progress)
        found.append(landscape)
        with activity(WRITING, log):
            places = _write(landscape, target, options)
        if not options.json:
            console.print(table(landscape))
            console.print("\n".join(notes(landscape)), highlight=False, style="dim")
        log.print(places, highlight=False, markup=False, soft_wrap=True)
    if len(found) > 1:
        log.print(_write_all(found, labels(targets), options), highlight=False, markup=False, soft_wrap=True)
    if options.json:
        print(json.dumps([_as_json(landscape) for landscape in found], indent=1, allow_nan=False))


def examine(target: Target, options: Options, progress: Progress) -> Landscape:
    """Return one network's landscape. Raises UserError for too many images, or a network whose loss is not finite."""
    data, recipe = target.data, target.spec.recipe
    if options.images > len(data.train):
        raise UserError(
            f"--images {options.images}: {data.name} has {len(data.train)} training images, ask for no more"
        )
    batches = ImageBatches.of(data, data.train, options.images)
    directions = tuple(filter_normalised(target.model, options.seed, which) for which in (0, 1))
    at = coordinates(options.points, options.span)
    advance = progress("loss surface", len(at) ** 2)
    surface = loss_surface(target.model, batches, (directions[0], directions[1]), at, options.bn, advance)
    x, y = next(iter(ImageBatches(batches.images, data, batch=MINI_BATCH)))
    return Landscape(
        name=target.name,
        surface=surface,
        cosine=cosine(*directions),
        gradients=gradients_of(target, x, y, options.seed),
        conventions=Conventions(
            images=options.images,
            gradient_images=len(x),
            dataset=data.name,
            bn=options.bn,
            seed=options.seed,
            init_seed=options.seed if target.own_seed is None else target.own_seed,
            init=recipe.init if recipe.weights == NONE else f"{recipe.init}, its weights file not loaded,",
        ),
    )


def _write(landscape: Landscape, target: Target, options: Options) -> str:
    """Write figures, tables and summary, and log them to the run the network came from; return a line for each."""
    folder, totals = options.out / "landscape" / target.name, summary(landscape)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_json(folder / "summary.json", totals)
        files = [*write_figures(landscape, folder), folder / "summary.json"]
    except OSError as error:
        raise UserError(f"cannot write to {folder} ({error.strerror}): choose another --out") from None
    metrics = {name: totals[name] for name in METRICS}
    logged = log_files(
        files,
        out=options.out,
        run_id=target.run_id,
        kind="landscape",
        name=target.name,
        params=options.params(),
        metrics=metrics,
    )
    return f"tables and figures: {folder}\n{logged}"


def _write_all(found: Sequence[Landscape], called: Sequence[str], options: Options) -> str:
    """Write the gradients of a study's networks, as trained and as initialised, in one figure; return its place."""
    folder = options.out / "landscape" / str(options.study)
    about = f"first {found[0].conventions.gradient_images} training images, batch norms with their statistics"
    plot_gradients(_together(found, called), f"{options.study}: gradient norms by layer", about, folder / "gradients")
    return f"all networks: {folder}"


def _together(found: Sequence[Landscape], called: Sequence[str]) -> list[Row]:
    """Return the rows of each network as trained and as initialised; its comparisons stay in its own folder."""
    return [
        {**row, "network": f"{name}, {row['network']}"}
        for landscape, name in zip(found, called, strict=True)
        for row in gradient_rows(landscape)
        if "," not in row["network"]
    ]


def _as_json(landscape: Landscape) -> dict[str, Row | list[Row]]:
    return {
        "summary": summary(landscape),
        "surface": surface_rows(landscape),
        "gradients": gradient_rows(landscape),
    }
