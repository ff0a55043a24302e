"""Progress output: a live view in a terminal, lines where output is piped."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from resnet_lab.metrics import METRICS, TEST_ERROR, VAL_ERROR, Metric
from resnet_lab.runner.identity import TrialIdentity


class Display(Protocol):
    """What the driver reports of its trials."""

    def begin(self, *, total: int, done: int) -> None: ...
    def started(self, identity: TrialIdentity, attempt: int, place: str = "") -> None: ...
    def epoch(self, identity: TrialIdentity, record: Mapping[str, float]) -> None: ...
    def finished(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None: ...
    def failed(self, identity: TrialIdentity, reason: str, *, again: bool) -> None: ...
    def pruned(self, identity: TrialIdentity) -> None: ...
    def note(self, text: str) -> None: ...
    def end(self) -> None: ...


def make_display(console: Console, metric: Metric = METRICS[TEST_ERROR]) -> Display:
    """Return a live view where the console is a terminal, else lines; `metric` is shown of each complete trial."""
    return LiveView(console, metric) if console.is_terminal else Lines(console, metric)


def style_of(identity: TrialIdentity | None) -> str:
    """Return the style of what is said of a trial: red where its protocol is not correct."""
    return "red" if identity is not None and identity.faults else ""


class Lines:
    """One line per trial that ends."""

    def __init__(self, console: Console, metric: Metric = METRICS[TEST_ERROR]) -> None:
        self._console, self._metric = console, metric
        self._total = self._done = 0
        self._places: dict[str, str] = {}

    def begin(self, *, total: int, done: int) -> None:
        self._total, self._done = total, done
        self._print(f"{total} trial{'' if total == 1 else 's'}, {done} done already")

    def started(self, identity: TrialIdentity, attempt: int, place: str = "") -> None:
        self._places[identity.name] = f"  {place}" if place else ""
        if attempt > 1:
            self._print(f"attempt {attempt}: {identity.label}{self._places[identity.name]}", identity)

    def epoch(self, identity: TrialIdentity, record: Mapping[str, float]) -> None:
        """Epochs are in history.jsonl and in MLflow; a log of them would bury the rest."""

    def finished(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None:
        self._done += 1
        self._print(
            f"{self._done}/{self._total}  {identity.label}  {self._metric.text(result[self._metric.name])}"
            f"  {result['time/train_s']:.0f} s{self._places.get(identity.name, '')}",
            identity,
        )

    def failed(self, identity: TrialIdentity, reason: str, *, again: bool) -> None:
        self._done += not again
        self._print(f"failed: {identity.label}: {reason}" + ("; trying again" if again else ""), identity)

    def pruned(self, identity: TrialIdentity) -> None:
        self._done += 1
        self._print(
            f"{self._done}/{self._total}  {identity.label}  pruned after {len(identity.trial.history())} epochs",
            identity,
        )

    def note(self, text: str) -> None:
        self._print(text)

    def end(self) -> None:
        """Nothing to close."""

    def _print(self, text: str, identity: TrialIdentity | None = None) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, style=style_of(identity))


class LiveView:
    """A bar for the study and a row per running trial: epoch, validation error, time left."""

    def __init__(self, console: Console, metric: Metric = METRICS[TEST_ERROR]) -> None:
        self._metric = metric
        self._lines = Lines(console, metric)
        self._progress = Progress(
            TextColumn("study"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._progress.add_task("study")
        self._rows: dict[str, tuple[TrialIdentity, Mapping[str, float]]] = {}
        self._places: dict[str, str] = {}
        self._last = ""
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def begin(self, *, total: int, done: int) -> None:
        self._progress.update(self._task, total=total, completed=done)
        self._live.start()

    def started(self, identity: TrialIdentity, attempt: int, place: str = "") -> None:
        self._rows[identity.name] = (identity, {})
        self._places[identity.name] = place
        self._lines.started(identity, attempt, place)

    def epoch(self, identity: TrialIdentity, record: Mapping[str, float]) -> None:
        if identity.name in self._rows:  # a trial that was found complete on disk was never started here
            self._rows[identity.name] = (identity, record)

    def finished(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None:
        self._rows.pop(identity.name, None)
        self._last = f"last: {identity.label}  {self._metric.text(result[self._metric.name])}"
        self._progress.advance(self._task)

    def failed(self, identity: TrialIdentity, reason: str, *, again: bool) -> None:
        self._rows.pop(identity.name, None)
        self._progress.advance(self._task, 0 if again else 1)
        self._lines.failed(identity, reason, again=again)

    def pruned(self, identity: TrialIdentity) -> None:
        self._rows.pop(identity.name, None)
        self._last = f"last: {identity.label}  pruned"
        self._progress.advance(self._task)

    def note(self, text: str) -> None:
        self._lines.note(text)

    def end(self) -> None:
        self._live.stop()

    def _render(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for column in ("trial", "epoch", "val error %", "left"):
            table.add_column(column, justify="left" if column == "trial" else "right", no_wrap=True)
        rows = sorted(self._rows.values(), key=lambda row: self._places[row[0].name])
        has_places = any(self._places[identity.name] for identity, _ in rows)
        if has_places:
            table.add_column("where", no_wrap=True)
        for identity, record in rows:
            where = (self._places[identity.name],) if has_places else ()
            table.add_row(identity.label, *_progress_of(identity, record), *where, style=style_of(identity))
        return Group(self._progress, table, Text(self._last))


def _progress_of(identity: TrialIdentity, record: Mapping[str, float]) -> tuple[str, str, str]:
    if not record:
        return "1", "", ""
    left = (identity.trial.spec.recipe.iterations - record["iteration"]) * record["epoch"] / record["iteration"]
    epochs = record["epoch"] + math.ceil(left)
    minutes, seconds = divmod(round(left * record["time/epoch_s"]), 60)
    now = min(record["epoch"] + 1, epochs)
    return f"{now:.0f}/{epochs:.0f}", f"{record[VAL_ERROR]:.2f}", f"{minutes}:{seconds:02d}"
