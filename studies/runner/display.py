"""What the person sees while a study runs: a live view in a terminal, plain lines when piped."""

import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from resnet_lab.trials.trial import Trial
from studies.plan.plan import Plan, label


class Display(Protocol):
    def begin(self, *, total: int, done: int) -> None: ...
    def started(self, trial: Trial, attempt: int) -> None: ...
    def epoch(self, trial: Trial, record: Mapping[str, float]) -> None: ...
    def finished(self, trial: Trial, result: Mapping[str, Any]) -> None: ...
    def failed(self, trial: Trial, reason: str, *, again: bool) -> None: ...
    def pruned(self, trial: Trial) -> None: ...
    def end(self) -> None: ...


def make_display(plan: Plan, console: Console, measure: str = "test/error") -> Display:
    """Return a live view where the console is a terminal, else lines; `measure` is told of each trial, in per cent."""
    return LiveView(plan, console, measure) if console.is_terminal else Lines(plan, console, measure)


class Lines:
    """One line for each trial that ends."""

    def __init__(self, plan: Plan, console: Console, measure: str = "test/error") -> None:
        self._plan, self._console, self._measure = plan, console, measure
        self._total = self._done = 0

    def begin(self, *, total: int, done: int) -> None:
        self._total, self._done = total, done
        self._print(f"{total} trials, {done} done already")

    def started(self, trial: Trial, attempt: int) -> None:
        if attempt > 1:
            self._print(f"attempt {attempt}: {label(self._plan, trial)}")

    def epoch(self, trial: Trial, record: Mapping[str, float]) -> None:
        """Epochs are in history.jsonl and in MLflow; a log of them would bury the rest."""

    def finished(self, trial: Trial, result: Mapping[str, Any]) -> None:
        self._done += 1
        self._print(
            f"{self._done}/{self._total}  {label(self._plan, trial)}  {figure(self._measure, result)}"
            f"  {result['time/train_s']:.0f} s"
        )

    def failed(self, trial: Trial, reason: str, *, again: bool) -> None:
        self._done += not again
        self._print(f"failed: {label(self._plan, trial)}: {reason}" + ("; trying again" if again else ""))

    def pruned(self, trial: Trial) -> None:
        self._done += 1
        self._print(
            f"{self._done}/{self._total}  {label(self._plan, trial)}  pruned after {len(trial.history())} epochs"
        )

    def end(self) -> None:
        """Nothing to close."""

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


class LiveView:
    """A bar for the study and a row for each running trial: epoch, validation error, time left."""

    def __init__(self, plan: Plan, console: Console, measure: str = "test/error") -> None:
        self._plan, self._measure = plan, measure
        self._lines = Lines(plan, console, measure)
        self._progress = Progress(
            TextColumn("study"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._progress.add_task("study")
        self._rows: dict[str, tuple[Trial, float, Mapping[str, float]]] = {}
        self._last = ""
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def begin(self, *, total: int, done: int) -> None:
        self._progress.update(self._task, total=total, completed=done)
        self._live.start()

    def started(self, trial: Trial, attempt: int) -> None:
        self._rows[trial.name] = (trial, time.monotonic(), {})
        self._lines.started(trial, attempt)

    def epoch(self, trial: Trial, record: Mapping[str, float]) -> None:
        _, start, _ = self._rows[trial.name]
        self._rows[trial.name] = (trial, start, record)

    def finished(self, trial: Trial, result: Mapping[str, Any]) -> None:
        self._rows.pop(trial.name, None)
        self._last = f"last: {label(self._plan, trial)}  {figure(self._measure, result)}"
        self._progress.advance(self._task)

    def failed(self, trial: Trial, reason: str, *, again: bool) -> None:
        self._rows.pop(trial.name, None)
        self._progress.advance(self._task, 0 if again else 1)
        self._lines.failed(trial, reason, again=again)

    def pruned(self, trial: Trial) -> None:
        self._rows.pop(trial.name, None)
        self._last = f"last: {label(self._plan, trial)}  pruned"
        self._progress.advance(self._task)

    def end(self) -> None:
        self._live.stop()

    def _render(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for column in ("trial", "epoch", "val error %", "left"):
            table.add_column(column, justify="left" if column == "trial" else "right", no_wrap=True)
        for trial, _, record in self._rows.values():
            table.add_row(label(self._plan, trial), *_progress_of(trial, record))
        return Group(self._progress, table, Text(self._last))


def figure(measure: str, result: Mapping[str, Any]) -> str:
    """Return `test error 4.81 %`."""
    return f"{measure.replace('/', ' ')} {result[measure]:.2f} %"


def _progress_of(trial: Trial, record: Mapping[str, float]) -> tuple[str, str, str]:
    if not record:
        return "1", "", ""
    left = (trial.spec.recipe.iterations - record["iteration"]) * record["epoch"] / record["iteration"]
    epochs = record["epoch"] + math.ceil(left)
    minutes, seconds = divmod(round(left * record["time/epoch_s"]), 60)
    now = min(record["epoch"] + 1, epochs)
    return f"{now:.0f}/{epochs:.0f}", f"{record['val/error']:.2f}", f"{minutes}:{seconds:02d}"
