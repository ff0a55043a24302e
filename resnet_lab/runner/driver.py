"""The driver: hands trials to workers, and is the only writer of the trial store and of MLflow."""

import contextlib
import signal
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from resnet_lab.errors import DiskFullError
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.outcomes import MAX_RETRIES, Outcome, Reason, reason_of, with_sentence
from resnet_lab.runner.display import Display
from resnet_lab.runner.executor import Distributed, Executor, Exit
from resnet_lab.runner.identity import TrialIdentity, run_tags
from resnet_lab.runner.place import Place
from resnet_lab.runner.run_log import RunLog
from resnet_lab.runner.running_trial import Record, RunningTrial
from resnet_lab.runner.time_left import work_of
from resnet_lab.runner.trial_store import Searcher, TrialStore
from resnet_lab.spec import RunSpec
from resnet_lab.system import atomic
from resnet_lab.system.interrupt import Interrupted
from resnet_lab.tracking import LaunchRun, TrialRun
from resnet_lab.tracking.availability import Availability
from resnet_lab.trials.notices import Kind
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import KILLED_PROCESS, NO_ROOM

POLL_S = 0.5


@dataclass(slots=True, kw_only=True)
class Driver(ABC):
    """One phase of a launch: trials to run, and where they are recorded."""

    trials: Sequence[Trial]
    store: TrialStore
    launch: LaunchRun
    finished_runs: dict[str, str]
    """Trial name to run id, in this study's experiment; grows as trials end."""
    executor: Executor
    display: Display
    environment: Mapping[str, Any]
    data_source: str
    searcher: Searcher | None = None
    """Proposes further trials, and says which to stop."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """On the run of every trial."""
    when_idle: Callable[[], object] = lambda: None
    """Called once, when the last trials leave a slot free: the moment to load what the report needs."""
    grace: float = 0.0
    """Seconds that running epochs get on SIGTERM before the workers are ended."""
    log: RunLog = field(default=None)  # type: ignore[assignment]  # made below; the phases of a launch share one
    """What is recorded of the trials in MLflow."""
    _alone: deque[Trial] = field(default_factory=deque, init=False)
    """Trials to be tried once more, each with the machine to itself, when nothing else is left to run."""
    _tried_alone: set[str] = field(default_factory=set, init=False)
    _losses: Counter[str] = field(default_factory=Counter, init=False)
    """How many nodes were lost under a trial in this launch."""
    _given_up: set[str] = field(default_factory=set, init=False)
    """Running trials that the searcher stops: each ends with its epoch, and the others go on meanwhile."""
    _running: dict[str, RunningTrial] = field(default_factory=dict, init=False)
    _was_idle: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.log is None:
            self.log = RunLog(
                store=Availability(self.launch.client, self.display.note),
                finished=self.finished_runs,
                data_source=self.data_source,
            )

    @abstractmethod
    def identify(self, trial: Trial) -> TrialIdentity:
        """Return what a trial is called and found by."""

    @abstractmethod
    def network_metrics(self, spec: RunSpec) -> Mapping[str, float]:
        """Return what a trial's run logs of its network, besides what training found."""

    def run(self) -> None:
        """Run every trial that is not complete, then what the searcher proposes.

        On any exception the workers are ended and all records closed.
        """
        place, queue = Place.of(self.trials), self._unsettled()
        budget = self.searcher.budget if self.searcher else 0
        work = sum(work_of(trial.spec) for trial in queue)
        self.display.begin(total=len(self.trials) + budget, done=len(self.trials) - len(queue), work=work)
        try:
            while self._fill(queue):
                place.require()
                for ended in self.executor.wait(POLL_S):
                    self._end(ended, queue)
                self._report_news()
                self.display.tick()
                for running in list(self._running.values()):
                    self._follow(running)
            place.require()
            self.log.close()
        except BaseException as error:
            self._interrupt(error, place)
            place.require(error)
            raise

    def _unsettled(self) -> deque[Trial]:
        """Record what is complete on disk; return the other trials."""
        outcomes = [(trial, trial.outcome()) for trial in self.trials]
        if unsigned := sum(not outcome.is_signed for _, outcome in outcomes):
            self.display.note(
                f"{unsigned} results are of an earlier version, which signed none: they are taken as they are"
            )
        if self.display.wants_found:
            for trial, outcome in outcomes:
                if outcome.result is not None:
                    self.display.found(self.identify(trial), outcome.result)
        return deque(trial for trial, outcome in outcomes if not self._settle(trial, outcome))

    def _fill(self, queue: deque[Trial]) -> bool:
        """Start as many trials as there are free slots. Returns whether any is running, or waits for a slot."""
        while len(self._running) < self.executor.slots:
            trial = self._next(queue)
            if trial is not None and not self.executor.has_room(trial):
                queue.appendleft(trial)  # a smaller one behind it waits, too: else it might wait for ever
                break
            if trial is None:
                if self._running and not self._was_idle:
                    self._was_idle = True
                    self.when_idle()
                break
            self._start(trial)
        return bool(self._running) or (self.executor.slots == 0 and self._has_waiting(queue))

    def _has_waiting(self, queue: deque[Trial]) -> bool:
        """Whether trials are left for a fleet that has lost every node: another may join."""
        return bool(queue or self._alone or (self.searcher is not None and self.searcher.budget > 0))

    def _report_news(self) -> None:
        if isinstance(self.executor, Distributed):
            for text in self.executor.news():
                self.display.note(text)

    def _next(self, queue: deque[Trial]) -> Trial | None:
        """Return the next trial to start, if one may start now. Those that need room come last, one at a time."""
        if not self._tried_alone.isdisjoint(self._running):
            return None
        trial = queue.popleft() if queue else self._propose()
        if trial is None and self._alone and not self._running:
            trial = self._alone.popleft()
            self._tried_alone.add(trial.name)
        return trial

    def _propose(self) -> Trial | None:
        while self.searcher is not None:
            trial = self.searcher.propose()
            if trial is None or not self._settle(trial, trial.outcome()):
                return trial
        return None

    def _settle(self, trial: Trial, outcome: Outcome) -> bool:
        """Record what is complete on disk. Returns whether nothing is left to run: complete, or failed for good."""
        if outcome.result is not None:
            if not self.store.is_complete(trial) or trial.name not in self.finished_runs:
                self._adopt(trial, outcome.result)
            return True
        is_final = reason_of(outcome.reason).is_final
        return self.store.failures(trial) > (0 if is_final else MAX_RETRIES)

    def _adopt(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Record a trial that is complete on disk where it is not known: nothing is trained twice."""
        running = self._new(trial, trial.environment())
        if trial.name not in self.finished_runs:
            self._finish_run(running, result)
        if not self.store.is_complete(trial):
            self.store.start(trial, running.identity.varied)
            self.store.complete(trial, result)

    def _new(self, trial: Trial, environment: Mapping[str, Any]) -> RunningTrial:
        identity, attempt = self.identify(trial), self.store.failures(trial) + 1
        open_run = partial(self._open_run, identity, attempt, environment)
        return RunningTrial(identity, attempt, open_run, notices=len(trial.notices()))

    def _start(self, trial: Trial) -> None:
        running = self._new(trial, self.environment)
        self.store.start(trial, running.identity.varied)
        self._running[trial.name] = running
        self.executor.submit(trial)
        self.log.follow(running)
        place = self.executor.place_of(trial.name) if isinstance(self.executor, Distributed) else ""
        self.display.started(running.identity, running.attempt, place)

    def _open_run(self, identity: TrialIdentity, attempt: int, environment: Mapping[str, Any]) -> TrialRun:
        """Open the trial's run in MLflow; `environment` is that of the code that trains it."""
        tags = run_tags(identity, attempt, environment) | dict(self.tags)
        tags["mlflow.note.content"] = _note(identity.trial)
        # In the list of models the varied fields distinguish one from another; the rest is a click away, on the run.
        on_model = identity.varied if self.searcher is None else None
        return self.launch.start_trial(identity.name, identity.params, tags, on_model=on_model)

    def _follow(self, running: RunningTrial) -> None:
        """Record the epochs finished since the last look; stop a trial that the searcher gives up."""
        name = running.trial.name
        if name in self._given_up:
            return
        records = self._look(running)
        self.log.follow(running)
        if self.searcher is not None and records and self.searcher.should_prune(running.trial):
            self._given_up.add(name)
            self.executor.stop(name)

    def _look(self, running: RunningTrial) -> list[Record]:
        """Return the epochs finished since the last look, once the display and the searcher have them."""
        notices = running.new_notices()
        for notice in notices:
            self.display.note(notice.text)
        if any(notice.kind == Kind.REPAIRED for notice in notices):
            self.log.restart(running)
        records = running.new_epochs()
        if records:
            self.display.epoch(running.identity, records[-1])
            if self.searcher is not None:
                self.searcher.report(running.trial, records)
        return records

    def _prune(self, running: RunningTrial) -> None:
        """Record that a trial was stopped for the search's sake."""
        self.log.prune(running)
        if self.searcher is not None:
            self.searcher.prune(running.trial)
        self.display.pruned(running.identity)

    def _was_pruned(self, trial: Trial) -> bool:
        """Whether a trial that ended was stopped; one that had ended meanwhile counts as what it is."""
        given_up = trial.name in self._given_up
        self._given_up.discard(trial.name)
        return given_up and trial.result() is None and trial.failure() is None

    def _end(self, ended: Exit, queue: deque[Trial]) -> None:
        """Record how a trial ended; after a result the next one that waits starts first, so that no slot is idle."""
        running = self._running[ended.trial.name]
        if self._was_pruned(ended.trial):
            del self._running[ended.trial.name]
            self._prune(running)
            return
        result = ended.trial.result()
        if result is None:
            _require_room(ended)  # while it counts as running, so that its records are closed
        del self._running[ended.trial.name]
        if result is None:
            self._fail(running, ended, queue)
            return
        free = len(self._running) < self.executor.slots and self._tried_alone.isdisjoint(self._running)
        if queue and free and self.executor.has_room(queue[0]):
            self._start(queue.popleft())
        self._finish_run(running, result)
        self.store.complete(ended.trial, result)
        self.display.finished(running.identity, result)

    def _fail(self, running: RunningTrial, ended: Exit, queue: deque[Trial]) -> None:
        """Record why a trial has no result, and queue it again where another attempt may have one."""
        trial = ended.trial
        self._look(running)
        reason, sentence = _reason(ended)
        kind = reason_of(reason)
        self.log.fail(running, reason, sentence)
        self.store.fail(trial, reason)
        self._losses[trial.name] += kind == Reason.NODE_LOST
        again = kind.is_retried(self.store.failures(trial), self._losses[trial.name])
        again &= not (kind == Reason.OUT_OF_MEMORY and trial.name in self._tried_alone)
        self.display.failed(running.identity, with_sentence(reason, sentence), again=again)
        if again:
            killed = ended.code < 0 or ended.code == KILLED_PROCESS
            needs_room = kind.needs_room or (killed and not ended.lost)
            (self._alone if needs_room else queue).append(trial)
        if kind == Reason.OUT_OF_MEMORY and self._running:
            self._run_fewer(trial)

    def _run_fewer(self, trial: Trial) -> None:
        """Use a slot less for the rest of the launch: the trials that ran with this one had no memory left for it."""
        before = self.executor.slots
        self.executor.lower_slots(trial.name)
        if self.executor.slots < before:
            self.display.note(f"out of memory: from here on {self.executor.slots} trials at once, not {before}")

    def _finish_run(self, running: RunningTrial, result: Mapping[str, Any]) -> None:
        metrics = {name: result[name] for name in (TEST_ERROR, "test/loss", "time/train_s")}
        metrics |= self.network_metrics(running.trial.spec)
        self._look(running)
        self.log.finish(running, metrics)

    def _interrupt(self, error: BaseException, place: Place) -> None:
        """End the workers; their last finished epochs stay, and the next launch goes on from there.

        The error that interrupted the driver is the one to report: what cannot be closed now, the next launch closes.
        """
        with contextlib.suppress(Exception):
            if self.grace and isinstance(error, Interrupted) and error.number == signal.SIGTERM:
                self.display.note(f"SIGTERM: the running epochs get {self.grace:g} s to end")
                self.executor.drain(self.grace)
        with contextlib.suppress(Exception):
            self.executor.cancel()
        for running in self._running.values() if place.is_there else ():  # else a new, empty database would be made
            if self._was_pruned(running.trial):
                with contextlib.suppress(Exception):
                    self._prune(running)
                continue
            with contextlib.suppress(Exception):
                self.store.fail(running.trial, Reason.INTERRUPTED)
            with contextlib.suppress(Exception):
                self.log.kill(running)


def _require_room(ended: Exit) -> None:
    """Raise DiskFullError where a trial ended for want of room: no other would fare better."""
    outcome = ended.trial.outcome()
    if reason_of(outcome.reason) == Reason.DISK_FULL:
        raise DiskFullError(outcome.sentence)
    if ended.code == NO_ROOM:
        raise DiskFullError(f"there is no room for {ended.trial.folder}: make room and run the same command again")


def _reason(ended: Exit) -> tuple[str, str]:
    """Return the reason as recorded, and its sentence or nothing.

    A worker that was killed could record neither: that is done here, so that the trial is not taken for one that waits.
    """
    trial, outcome = ended.trial, ended.trial.outcome()
    is_own = outcome.reason is not None and not (ended.shared and reason_of(outcome.reason) == Reason.CRASHED)
    if outcome.reason is not None and is_own and not ended.lost:
        return outcome.reason, outcome.sentence
    if ended.shared:
        return Reason.CRASHED_TOGETHER, "its process died while it trained other trials too"
    reason = f"killed by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
    sentence = f"its process ended without an error of its own: see {trial.log_file.name} in its folder"
    if ended.lost:
        reason, sentence = Reason.NODE_LOST, ended.lost
    with contextlib.suppress(OSError, DiskFullError):  # the stores say it still
        trial.folder.mkdir(parents=True, exist_ok=True)
        atomic.write_json(trial.failure_file, {"reason": reason, "detail": sentence})
    return reason, sentence


def _note(trial: Trial) -> str:
    """Return what MLflow says on the page of a trial, in Markdown."""
    load = f"from resnet_lab.checkpoint import load_model\n    network = load_model({str(trial.folder)!r})"
    return f"Folder: `{trial.folder}`\n\n    {load}"


def run_phase(driver: Driver) -> None:
    """Run the driver's trials and close its display, so that the next phase may open its own."""
    try:
        driver.run()
    finally:
        with contextlib.suppress(OSError):  # the terminal may be gone: that is what SIGHUP says
            driver.display.end()
