"""Panels of the lesion figures, each drawn on given axes from a frame of tidy rows."""

from typing import TYPE_CHECKING, Any

from analysis.figures.style import colour, marker
from analysis.stats.intervals import t_interval
from resnet_lab.metrics import TEST_ERROR, metric

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def name_series(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the frame with `series`: the mode, and how many batches recalibrated it."""
    recalibrated = frame["heal"].map(lambda batches: f", recalibrated on {batches} batches" if batches else "")
    return frame.assign(series=frame["mode"] + recalibrated)


def by_block(axes: "Axes", frame: "pd.DataFrame", base: float, chance: float, *, unit: str = "block") -> None:
    """Draw the error of each block lesioned alone with its 95 % Wilson interval; downsampling blocks are filled."""
    names = list(frame["series"].unique())
    _reference_lines(axes, frame["high"].max(), base, chance)
    for place, name in enumerate(names):
        rows = frame[frame["series"] == name]
        x = rows["block"].astype(float) + (place - (len(names) - 1) / 2) * 0.6 / len(names)
        style: dict[str, Any] = {"marker": marker(place), "edgecolors": [colour(place)], "linewidths": 1.3}
        spread = [rows["error"] - rows["low"], rows["high"] - rows["error"]]
        axes.errorbar(x, rows["error"], spread, fmt="none", ecolor=colour(place), elinewidth=1.4, zorder=2)
        faces = [colour(place) if changes is True else (1.0, 1.0, 1.0) for changes in rows["downsamples"]]
        axes.scatter(x, rows["error"], s=28, c=faces, zorder=3, **style)
        axes.scatter([], [], facecolors="white", label=name, **style)
    changing = sorted(frame.loc[frame["downsamples"] == True, "block"].unique())  # noqa: E712  # a column, not a bool
    for block in changing:
        axes.axvspan(block - 0.5, block + 0.5, color="0.93", zorder=0, linewidth=0)
    if changing:
        axes.fill_between([], [], color="0.9", label="changes the shape (filled)")
    axes.set_xlim(frame["block"].min() - 0.7, frame["block"].max() + 0.7)
    axes.set_xlabel(f"{unit} (from the input)")
    _finish(axes)


def by_network(axes: "Axes", frame: "pd.DataFrame", chance: float) -> None:
    """Draw, for each network, the error after each of its blocks or layers with Wilson intervals; dashed: undamaged."""
    for place, (name, rows) in enumerate(frame.groupby("network", sort=False)):
        base = float(rows.loc[rows["experiment"] == "base", "error"].iloc[0])
        lesioned = rows[rows["experiment"] != "base"]
        spread = [lesioned["error"] - lesioned["low"], lesioned["high"] - lesioned["error"]]
        style: dict[str, Any] = {"color": colour(place), "marker": marker(place), "ms": 5, "lw": 1.2, "elinewidth": 1.2}
        axes.errorbar(
            lesioned["block"].astype(float),
            lesioned["error"],
            spread,
            label=f"{name} (undamaged: {base:.1f} %)",
            **style,
        )
        axes.axhline(base, color=colour(place), linestyle="--", linewidth=1, zorder=1)
    axes.axhline(chance, color="0.4", linestyle=":", linewidth=1, zorder=1, label="chance")
    axes.set_xlabel("deleted block or layer (from the input)")
    _finish(axes, columns=1)


def by_count(axes: "Axes", frame: "pd.DataFrame", base: float, chance: float, *, label: str) -> None:
    """Draw the error against k: every draw as a point, the mean as a line with its Student-t interval."""
    _reference_lines(axes, frame["error"].max(), base, chance)
    for place, (name, rows) in enumerate(frame.groupby("series", sort=False)):
        shift = (place - (frame["series"].nunique() - 1) / 2) * 0.1
        grouped = {k: rows.loc[rows["k"] == k, "error"].tolist() for k in sorted(rows["k"].unique())}
        if any(len(errors) > 1 for errors in grouped.values()):
            axes.scatter(rows["k"] + shift, rows["error"], s=9, color=colour(place), alpha=0.3, linewidths=0, zorder=2)
        means, x = [t_interval(errors) for errors in grouped.values()], [k + shift for k in grouped]
        axes.plot(x, [m.mean for m in means], color=colour(place), marker=marker(place), ms=4, lw=1.5, label=str(name))
        axes.vlines(x, [m.low for m in means], [m.high for m in means], colors=[colour(place)], linewidth=2, zorder=3)
    axes.set_xlabel(label)
    _finish(axes)


def by_tau(axes: "Axes", frame: "pd.DataFrame", base: float, chance: float) -> None:
    """Draw the error of each reordering against Kendall's tau, coloured by the number of swaps.

    Many orders have the same tau: points are spread a little, let each other through, and few swaps lie on top.
    """
    import numpy as np

    spread = 0.004 * (float(np.ptp(frame["tau"])) or 1.0)
    jitter = np.random.default_rng(0).uniform(-2, 2, len(frame)) * spread  # the same points in every drawing
    frame = frame.assign(place=frame["tau"] + jitter).sort_values("k", ascending=False, kind="stable")
    least, most = float(frame["k"].min()), float(frame["k"].max())
    _reference_lines(axes, frame["error"].max(), base, chance)
    for place, (name, rows) in enumerate(frame.groupby("series", sort=False)):
        points = axes.scatter(
            rows["place"],
            rows["error"],
            c=rows["k"],
            s=14,
            cmap="viridis_r",
            marker=marker(place),
            alpha=0.6,
            lw=0,
            vmin=least,
            vmax=most,
        )
        axes.scatter([], [], color="0.3", s=20, marker=marker(place), lw=0, label=str(name))
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(points, ax=axes, label="swaps", pad=0.02)
    axes.invert_xaxis()
    axes.set_xlabel("Kendall's tau with the trained order")
    _finish(axes, whole=False)


def interaction(axes: "Axes", frame: "pd.DataFrame", changing: set[int]) -> None:
    """Draw the interaction of each pair in points, symmetric around 0; shape-changing blocks carry a star."""
    import numpy as np
    import seaborn as sns

    pairs = [(block[0], block[1]) for block in frame["block"]]
    blocks = sorted({block for pair in pairs for block in pair})
    values = np.full((len(blocks), len(blocks)), np.nan)
    for (i, j), value in zip(pairs, frame["interaction"], strict=True):
        values[blocks.index(j), blocks.index(i)] = value
    reach = float(np.nanpercentile(np.abs(values), 98)) or 1.0
    labels = [f"{block}*" if block in changing else str(block) for block in blocks]
    names = {"xticklabels": labels, "yticklabels": labels}
    bar = {"label": "interaction (points)", "extend": "both", "shrink": 0.8}
    sns.heatmap(
        values, ax=axes, cmap="RdBu_r", vmin=-reach, vmax=reach, square=True, linewidths=0.3, cbar_kws=bar, **names
    )
    axes.tick_params(labelsize=7, length=0, labelrotation=0)
    axes.set_xlabel("block")
    axes.set_ylabel("block")
    axes.grid(visible=False)


def by_class(axes: "Axes", frame: "pd.DataFrame") -> None:
    """Draw the damage of each block to each class, in points."""
    import seaborn as sns

    table = frame.pivot_table(index="class", columns="block", values="damage")
    reach = float(table.abs().to_numpy().max()) or 1.0
    bar = {"label": "damage (points)", "shrink": 0.8}
    sns.heatmap(table, ax=axes, cmap="RdBu_r", vmin=-reach, vmax=reach, linewidths=0.3, cbar_kws=bar)
    names = frame.drop_duplicates("class").set_index("class")["class_name"]
    axes.set_yticks([place + 0.5 for place in range(len(table))], [names[label] for label in table.index])
    axes.set_xticklabels([f"{float(text.get_text()):.0f}" for text in axes.get_xticklabels()])
    axes.tick_params(labelsize=7, length=0, labelrotation=0)
    axes.set_xlabel("deleted block")
    axes.set_ylabel("class")
    axes.grid(visible=False)


def against(axes: "Axes", frame: "pd.DataFrame", measure: str, rho: float, label: str) -> None:
    """Draw the damage of deletion against a measure, each point named by its block, with Spearman's rho."""
    axes.scatter(frame[measure], frame["damage"], s=20, color=colour(0), linewidths=0, zorder=3)
    for row in frame.to_dict("records"):
        place = (row[measure], row["damage"])
        axes.annotate(str(row["block"]), place, xytext=(3, 2), textcoords="offset points", fontsize=6, color="0.3")
    axes.set_xlabel(label)
    axes.set_ylabel("damage (points)")
    axes.set_title(f"Spearman's rho {rho:+.2f}", loc="left", fontsize=8)


def _reference_lines(axes: "Axes", top: float, base: float, chance: float) -> None:
    axes.axhline(base, color="0.4", linestyle="--", linewidth=1, zorder=1, label="undamaged")
    if top > 0.7 * chance:
        axes.axhline(chance, color="0.4", linestyle=":", linewidth=1, zorder=1, label="chance")


def _finish(axes: "Axes", *, whole: bool = True, columns: int = 3) -> None:
    """Put the legend below the axis: points may be anywhere inside."""
    from matplotlib.ticker import MaxNLocator

    axes.set_ylabel(metric(TEST_ERROR).axis)
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
    if whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8, ncols=columns, loc="upper left", bbox_to_anchor=(-0.02, -0.17), borderpad=0)
