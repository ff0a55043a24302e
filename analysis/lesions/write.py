"""Results of an examination: tables and figures on disk, a summary on screen."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from analysis.lesions.choices import Experiment
from analysis.lesions.rows import Row
from resnet_lab.system import atomic

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known of one network: tidy rows, damage by class, block measures and their rank correlations."""

    name: str
    classes: int
    rows: Sequence[Row]
    per_class: Sequence[Row] = ()
    measures: Sequence[Row] = ()
    correlations: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def write(report: Report, folder: Path) -> list[Path]:
    """Write the tables as CSV (and Parquet where pyarrow is installed) and the figures; return all paths."""
    from analysis.lesions.figures import plot_classes, plot_lesions, plot_measures

    folder.mkdir(parents=True, exist_ok=True)
    files = [*_table(report.rows, folder / "lesions"), *_table(report.per_class, folder / "per_class")]
    files += _table(report.measures, folder / "measures")
    files += _table([_correlation(name, pair) for name, pair in report.correlations.items()], folder / "correlations")
    files += plot_lesions(report.rows, name=report.name, classes=report.classes, out=folder)
    if report.per_class:
        files += plot_classes(report.per_class, name=report.name, out=folder)
    if report.measures:
        files += plot_measures(report.measures, report.correlations, name=report.name, out=folder)
    return files


_ALONE = ("base", Experiment.SINGLE, Experiment.CONTRAST)


def write_networks(rows: Sequence[Row], *, name: str, classes: int, folder: Path) -> list[Path]:
    """Write what single deletions do to several networks, named in the rows' `network`, as a table and a figure."""
    from analysis.lesions.figures import plot_networks

    deleted = [row for row in rows if row["experiment"] in _ALONE and row["mode"] in ("none", "delete")]
    plain = [row for row in deleted if not row["heal"]]
    folder.mkdir(parents=True, exist_ok=True)
    return [*_table(plain, folder / "networks"), *plot_networks(plain, name=name, classes=classes, out=folder)]


def summary(report: Report) -> "Table":
    """Return a table of the experiments: how many networks, the least, the median and the worst error."""
    from rich.table import Table

    table = Table(title=f"{report.name}: test error in %", title_justify="left", box=None, header_style="bold")
    for column in ("experiment", "mode", "recalibrated on", "networks", "least", "median", "worst", "worst at"):
        table.add_column(column, justify="left" if column in ("experiment", "mode") else "right")
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in report.rows:
        groups.setdefault((row["experiment"], row["mode"], row["heal"]), []).append(row)
    for (experiment, mode, batches), rows in groups.items():
        errors = [row["error"] for row in rows]
        worst = max(rows, key=lambda row: float(row["error"]))
        at = f"block {worst['block']}" if isinstance(worst["block"], int) else f"k = {worst['k']}" if worst["k"] else ""
        numbers = [f"{value:.2f}" for value in (min(errors), median(errors), max(errors))]
        table.add_row(experiment, mode, str(batches) if batches else "", str(len(rows)), *numbers, at)
    return table


def correlation_lines(report: Report) -> list[str]:
    """Return a line for each measure: Spearman's rank correlation with the damage of deletion."""
    n = len(report.measures)
    return [
        f"Spearman's rho of {name} with the damage of deletion: {rho:+.2f} (p {p:.2g}, {n} blocks)"
        for name, (rho, p) in report.correlations.items()
    ]


def _correlation(name: str, pair: tuple[float, float]) -> Row:
    return {"measure": name, "spearman": pair[0], "p": pair[1]}


def _table(rows: Sequence[Row], stem: Path) -> list[Path]:
    """Write rows under `<stem>.csv` and, where pyarrow is there, `<stem>.parquet`; a list becomes its JSON."""
    import pandas as pd

    if not rows:
        return []
    plain = [{key: json.dumps(v) if isinstance(v, list) else v for key, v in row.items()} for row in rows]
    frame = pd.DataFrame(plain)
    if "block" in frame:
        frame["block"] = frame["block"].map(lambda block: None if pd.isna(block) else str(block)).astype("string")
    for name in ("draw", "downsamples"):
        if name in frame:
            frame[name] = frame[name].astype("Int64" if name == "draw" else "boolean")
    files = [stem.with_suffix(".csv")]
    atomic.write(files[0], frame.to_csv(index=False, lineterminator="\n").encode())
    if importlib.util.find_spec("pyarrow"):
        files.append(stem.with_suffix(".parquet"))
        frame.to_parquet(files[1], index=False)
    return files
