"""Figures of the lesions of one network, in the shared figure style: PNG and SVG."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.figures.style import figure_style, save
from analysis.lesions import panels
from analysis.lesions.choices import Experiment
from analysis.lesions.rows import Row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["Axes"], None]
MEASURE_LABELS = {
    "norm_ratio": "||F|| / ||x||",
    "response_std": "std of the last 3x3 response",
    "influence": "1 - cos(x, y)",
    "cka": "linear CKA of input and output",
}
TITLES = {
    Experiment.SINGLE: "Each block {lesioned} alone",
    Experiment.DUPLICATE: "Each block applied twice",
    Experiment.CONTRAST: "Each layer deleted alone",
    Experiment.MULTIPLE: "Random sets of k blocks {lesioned} together",
    Experiment.PREFIX: "The first k blocks {lesioned}",
    Experiment.SUFFIX: "The last k blocks {lesioned}",
    Experiment.REORDER: "Blocks of equal shape swapped",
    Experiment.PAIRS: "Interaction of two lesions: e_ij - e_i - e_j + e_0",
}
INTERVALS = "bars: 95 % Wilson interval of reading one network on the test images"
MEANS = "points: draws; lines and bars: mean with 95 % Student-t interval over draws"
CAPTIONS = {
    Experiment.MULTIPLE: MEANS,
    Experiment.PREFIX: "one network for each k",
    Experiment.SUFFIX: "one network for each k",
    Experiment.REORDER: "points: orders; tau 1 is the trained order",
    Experiment.PAIRS: "above 0: worse than the sum of both; scale ends at the 98th percentile; *: changes the shape",
}


def plot_lesions(rows: Sequence[Row], *, name: str, classes: int, out: Path) -> list[Path]:
    """Write a PNG and an SVG of each experiment among the rows into the folder `out`; return their paths.

    The rows are those of `analysis.lesions.rows.as_rows`, with the undamaged network. Same rows, same SVG.
    """
    import pandas as pd

    frame = panels.name_series(pd.DataFrame(rows))
    changing = {int(block) for block in frame.loc[frame["downsamples"] == True, "block"]}  # noqa: E712  # a column, not a bool
    base = frame[frame["experiment"] == "base"].iloc[0]
    about = f"{name}, {base['images']:,} test images, undamaged {base['error']:.2f} %"
    chance = 100 - 100 / classes
    paths: list[Path] = []
    for experiment, part in _parts(frame):
        panel = _panel(experiment, part, base["error"], chance, changing)
        paths += save(_figure([panel], _title(experiment, part), about, experiment), out / experiment)
    return paths


def plot_networks(rows: Sequence[Row], *, name: str, classes: int, out: Path) -> list[Path]:
    """Write one figure of several networks: each block or layer deleted alone. Rows carry their `network`.

    As figure 3 of Veit et al. 2016 (arXiv 1605.06431): networks with shortcuts and without.
    """
    import pandas as pd

    frame, chance = pd.DataFrame(rows), 100 - 100 / classes
    title = "Each block or layer deleted alone"
    figure = _figure([lambda axes: panels.by_network(axes, frame, chance)], title, name, Experiment.SINGLE)
    return save(figure, out / "networks")


def plot_classes(rows: Sequence[Row], *, name: str, out: Path) -> list[Path]:
    """Write the damage of each deleted block to each class; nothing where no block was deleted."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    part = frame[(frame["experiment"] == Experiment.SINGLE) & (frame["mode"] == "delete") & (frame["heal"] == 0)]
    if part.empty:
        return []
    figure = _figure([lambda axes: panels.by_class(axes, part)], "Damage by class", name, None)
    return save(figure, out / "per_class")


def plot_measures(rows: Sequence[Row], rho: Mapping[str, tuple[float, float]], *, name: str, out: Path) -> list[Path]:
    """Write the damage of each deletion against each measure of the block."""
    import pandas as pd

    frame = pd.DataFrame(rows)

    def one(measure: str) -> Draw:
        return lambda axes: panels.against(axes, frame, measure, rho[measure][0], MEASURE_LABELS[measure])

    figure = _figure([one(measure) for measure in rho], "Does a measure predict the damage?", name, None)
    return save(figure, out / "measures")


def _title(experiment: Experiment, part: "pd.DataFrame") -> str:
    return TITLES[experiment].format(lesioned="deleted" if set(part["mode"]) == {"delete"} else "lesioned")


def _parts(frame: "pd.DataFrame") -> Iterator[tuple[Experiment, "pd.DataFrame"]]:
    for experiment in Experiment:
        part = frame[frame["experiment"] == experiment]
        if experiment == Experiment.PAIRS and not part.empty:
            part = part[part["series"] == part["series"].iloc[0]]  # a heat map holds one lesion
        if not part.empty:
            yield experiment, part


def _panel(experiment: Experiment, part: "pd.DataFrame", base: float, chance: float, changing: set[int]) -> Draw:
    match experiment:
        case Experiment.PAIRS:
            return lambda axes: panels.interaction(axes, part, changing)
        case Experiment.REORDER:
            return lambda axes: panels.by_tau(axes, part, base, chance)
        case Experiment.MULTIPLE | Experiment.PREFIX | Experiment.SUFFIX:
            return lambda axes: panels.by_count(axes, part, base, chance, label="lesioned blocks k")
        case _:
            unit = "layer" if experiment == Experiment.CONTRAST else "block"
            return lambda axes: panels.by_block(axes, part, base, chance, unit=unit)


def _figure(draws: Sequence[Draw], title: str, about: str, experiment: Experiment | None) -> "Figure":
    import seaborn as sns
    from matplotlib.figure import Figure

    size = (7.5, 5.6) if len(draws) > 1 else (5.8, 5.0) if experiment == Experiment.PAIRS else (6.4, 4.0)
    with figure_style():
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(-(-len(draws) // 2), min(len(draws), 2), squeeze=False)
        for draw, axes in zip(draws, grid.flat, strict=True):
            draw(axes)
            sns.despine(ax=axes)
        figure.suptitle(f"{title}\n{about}", x=0.01, ha="left", fontsize=10)
        caption = CAPTIONS.get(experiment, INTERVALS) if experiment else ""
        figure.supxlabel(caption, x=0.01, ha="left", fontsize=7, color="0.35")
    return figure
