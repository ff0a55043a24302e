"""Progress output: a live view in a terminal, lines where output is piped."""

import math
import re
import time
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from resnet_lab.metrics import METRICS, TEST_ERROR, VAL_ERROR, Metric
from resnet_lab.runner.identity import TrialIdentity
from resnet_lab.runner.time_left import TimeLeft
from resnet_lab.system.activity import SILENCE_S

WIDE = 150
"""Columns from which on the arms stand next to the running trials."""
MAX_ARMS = 16
"""Arms in the running table: those that a trial ended of last."""


class Display(Protocol):
    """What the driver reports of its trials."""

    def begin(self, *, total: int, done: int, work: float = 0.0) -> None: ...
    def found(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None: ...
    def started(self, identity: TrialIdentity, attempt: int, place: str = "") -> None: ...
    def epoch(self, identity: TrialIdentity, record: Mapping[str, float]) -> None: ...
    def finished(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None: ...
    def failed(self, identity: TrialIdentity, reason: str, *, again: bool) -> None: ...
    def pruned(self, identity: TrialIdentity) -> None: ...
    def note(self, text: str) -> None: ...
    def tick(self) -> None: ...
    def end(self) -> None: ...

    @property
    def wants_found(self) -> bool:
        """Whether it shows trials that were complete before."""


def make_display(console: Console, metric: Metric = METRICS[TEST_ERROR]) -> Display:
    """Return a live view where the console is a terminal, else lines; `metric` is shown of each complete trial."""
    return LiveView(console, metric) if console.is_terminal else Lines(console, metric)


def style_of(identity: TrialIdentity | None) -> str:
    """Return the style of what is said of a trial: red where its protocol is not correct."""
    return "red" if identity is not None and identity.faults else ""


class Lines:
    """One line per trial that ends, and one where nothing was said for `SILENCE_S`; `clock` gives seconds."""

    wants_found = False

    def __init__(
        self,
        console: Console,
        metric: Metric = METRICS[TEST_ERROR],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._metric, self._clock = console, metric, clock
        self._total = self._done = 0
        self._places: dict[str, str] = {}
        self._running: dict[str, str] = {}
        """Label and epoch of each running trial."""
        self._time = TimeLeft(clock)
        self._spoke = clock()

    def begin(self, *, total: int, done: int, work: float = 0.0) -> None:
        self._total, self._done = total, done
        self._time.begin(work)
        self._print(f"{total} trial{'' if total == 1 else 's'}, {done} done already")

    def found(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None:
        """What was complete before is counted alone."""

    def started(self, identity: TrialIdentity, attempt: int, place: str = "") -> None:
        self._places[identity.name] = f"  {place}" if place else ""
        self._running[identity.name] = identity.label
        self._time.started(identity.trial)
        if attempt > 1:
            self._print(f"attempt {attempt}: {identity.label}{self._places[identity.name]}", identity)

    def epoch(self, identity: TrialIdentity, record: Mapping[str, float]) -> None:
        """Keep the epoch for the next line; epochs are in history.jsonl and MLflow, and would bury the rest."""
        if identity.name in self._running:
            self._time.epoch(identity.trial, record)
            self._running[identity.name] = f"{identity.label} epoch {_progress_of(identity, record)[0]}"

    def finished(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None:
        self._end(identity)
        self._done += 1
        self._print(
            f"{self._done}/{self._total}  {identity.label}  {self._metric.text(result[self._metric.name])}"
            f"  {result['time/train_s']:.0f} s{self._places.get(identity.name, '')}",
            identity,
        )

    def failed(self, identity: TrialIdentity, reason: str, *, again: bool) -> None:
        self._end(identity, again=again)
        self._done += not again
        self._print(f"failed: {identity.label}: {reason}" + ("; trying again" if again else ""), identity)

    def pruned(self, identity: TrialIdentity) -> None:
        self._end(identity)
        self._done += 1
        self._print(
            f"{self._done}/{self._total}  {identity.label}  pruned after {len(identity.trial.history())} epochs",
            identity,
        )

    def note(self, text: str) -> None:
        self._print(text)

    def tick(self) -> None:
        """Say where the trials stand, where nothing was said for a while."""
        if self._clock() - self._spoke >= SILENCE_S:
            running = "; ".join(self._running.values()) or "no trial runs"
            self._print(f"{self._done}/{self._total}, {self._time.text()}: {running}")

    def end(self) -> None:
        """Nothing to close."""

    def _end(self, identity: TrialIdentity, *, again: bool = False) -> None:
        self._running.pop(identity.name, None)
        self._time.ended(identity.trial, again=again)

    def _print(self, text: str, identity: TrialIdentity | None = None) -> None:
        self._spoke = self._clock()
        self._console.print(text, highlight=False, soft_wrap=True, style=style_of(identity))


class LiveView:
    """A bar for the study, a row per running trial (epoch, validation error, time left), and the arms so far."""

    wants_found = True

    def __init__(self, console: Console, metric: Metric = METRICS[TEST_ERROR]) -> None:
        self._metric, self._console = metric, console
        self._lines = Lines(console, metric)
        self._time = TimeLeft()
        self._total = self._done = 0
        self._rows: dict[str, tuple[TrialIdentity, Mapping[str, float]]] = {}
        self._places: dict[str, str] = {}
        self._arms: dict[str, list[float]] = {}
        """The metric of the complete trials by arm and context, those of which one ended last at the end."""
        self._last = ""
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def begin(self, *, total: int, done: int, work: float = 0.0) -> None:
        self._total, self._done = total, done
        self._time.begin(work)
        self._live.start()

    def found(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None:
        if self._metric.name in result:
            self._arms[identity.cell] = [*self._arms.pop(identity.cell, ()), float(result[self._metric.name])]

    def started(self, identity: TrialIdentity, attempt: int, place: str = "") -> None:
        self._rows[identity.name] = (identity, {})
        self._time.started(identity.trial)
        self._places[identity.name] = place
        self._lines.started(identity, attempt, place)

    def epoch(self, identity: TrialIdentity, record: Mapping[str, float]) -> None:
        if identity.name in self._rows:  # a trial that was found complete on disk was never started here
            self._rows[identity.name] = (identity, record)
            self._time.epoch(identity.trial, record)

    def finished(self, identity: TrialIdentity, result: Mapping[str, Any]) -> None:
        self._end(identity)
        self._last = f"last: {identity.label}  {self._metric.text(result[self._metric.name])}"
        self.found(identity, result)

    def failed(self, identity: TrialIdentity, reason: str, *, again: bool) -> None:
        self._end(identity, again=again)
        self._lines.failed(identity, reason, again=again)

    def pruned(self, identity: TrialIdentity) -> None:
        self._end(identity)
        self._last = f"last: {identity.label}  pruned"

    def note(self, text: str) -> None:
        self._lines.note(text)

    def tick(self) -> None:
        """The view renders itself."""

    def end(self) -> None:
        self._live.stop()

    def _end(self, identity: TrialIdentity, *, again: bool = False) -> None:
        self._rows.pop(identity.name, None)
        self._time.ended(identity.trial, again=again)
        self._done += not again

    def _render(self) -> Group:
        head = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(self._total, 1), completed=self._done, width=30)
        head.add_row("study", bar, f"{self._done}/{self._total}", self._time.text(to_go=self._total - self._done))
        parts = [part for part in (self._running(), self._arms_so_far()) if part is not None]
        if self._console.width >= WIDE:
            beside = Table.grid(padding=(0, 6))
            beside.add_row(*parts)
            parts = [beside]
        return Group(head, *parts, Text(self._last, no_wrap=True, overflow="ellipsis"))

    def _running(self) -> RenderableType | None:
        if not self._rows:
            return None
        table = _table("trial", "epoch", "val error %", "left")
        rows = sorted(self._rows.values(), key=lambda row: self._places[row[0].name])
        has_places = any(self._places[identity.name] for identity, _ in rows)
        if has_places:
            table.add_column("where", no_wrap=True)
        for identity, record in rows:
            where = (self._places[identity.name],) if has_places else ()
            table.add_row(identity.label, *_progress_of(identity, record), *where, style=style_of(identity))
        return table

    def _arms_so_far(self) -> RenderableType | None:
        """Return the arms with their means, of the seeds that are complete; None while there is none."""
        shown = sorted(list(self._arms.items())[-MAX_ARMS:], key=lambda arm: _by_number(arm[0]))
        if not shown:
            return None
        table = _table("arm so far", "n", f"mean {self._metric.header}")
        for cell, values in shown:
            table.add_row(cell, str(len(values)), f"{fmean(values):.2f}")
        if len(self._arms) > len(shown):
            table.add_row(f"and {len(self._arms) - len(shown)} more", "", "")
        return table


def _by_number(label: str) -> list[tuple[float, str]]:
    """Return a key that sorts `d=8` before `d=14`."""
    parts = re.split(r"(\d+(?:\.\d+)?)", label)
    return [(float(part), "") if index % 2 else (0.0, part) for index, part in enumerate(parts)]


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True, overflow="ellipsis")
    for column in others:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _progress_of(identity: TrialIdentity, record: Mapping[str, float]) -> tuple[str, str, str]:
    if not record:
        return "1", "", ""
    left = (identity.trial.spec.recipe.iterations - record["iteration"]) * record["epoch"] / record["iteration"]
    epochs = record["epoch"] + math.ceil(left)
    minutes, seconds = divmod(round(left * record["time/epoch_s"]), 60)
    now = min(record["epoch"] + 1, epochs)
    return f"{now:.0f}/{epochs:.0f}", f"{record[VAL_ERROR]:.2f}", f"{minutes}:{seconds:02d}"
