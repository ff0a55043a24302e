"""The driver: hands trials to workers, and is the only writer of the trial store and of MLflow."""

import contextlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resnet_lab.metrics import BATCH_ACCURACY, TEST_ERROR
from resnet_lab.outcomes import MAX_RETRIES, Reason, reason_of, with_sentence
from resnet_lab.runner.display import Display
from resnet_lab.runner.executor import Executor, Exit
from resnet_lab.runner.identity import TrialIdentity, run_tags
from resnet_lab.runner.running_trial import Record, RunningTrial, metrics_by_epoch
from resnet_lab.runner.trial_store import Searcher, TrialStore
from resnet_lab.spec import RunSpec
from resnet_lab.system import atomic
from resnet_lab.tracking import LaunchRun, TrackingError, TrialRun
from resnet_lab.trials import batch_record
from resnet_lab.trials.trial import Trial

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
    _running: dict[str, RunningTrial] = field(default_factory=dict, init=False)
    _was_idle: bool = field(default=False, init=False)

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
        queue = deque(trial for trial in self.trials if not self._settle(trial))
        budget = self.searcher.budget if self.searcher else 0
        self.display.begin(total=len(self.trials) + budget, done=len(self.trials) - len(queue))
        try:
            while self._fill(queue):
                for ended in self.executor.wait(POLL_S):
                    self._end(ended, queue)
                for running in list(self._running.values()):
                    self._follow(running, queue)
        except BaseException:
            self._interrupt()
            raise

    def _fill(self, queue: deque[Trial]) -> bool:
        """Start as many trials as there are free slots. Returns whether any is running."""
        while len(self._running) < self.executor.slots:
            trial = queue.popleft() if queue else self._propose()
            if trial is None:
                if self._running and not self._was_idle:
                    self._was_idle = True
                    self.when_idle()
                break
            self._start(trial)
        return bool(self._running)

    def _propose(self) -> Trial | None:
        while self.searcher is not None:
            trial = self.searcher.propose()
            if trial is None or not self._settle(trial):
                return trial
        return None

    def _settle(self, trial: Trial) -> bool:
        """Record what is complete on disk. Returns whether nothing is left to run: complete, or failed for good."""
        outcome = trial.outcome()
        if outcome.result is not None:
            if not self.store.is_complete(trial) or trial.name not in self.finished_runs:
                self._adopt(trial, outcome.result)
            return True
        is_final = reason_of(outcome.reason).is_final
        return self.store.failures(trial) > (0 if is_final else MAX_RETRIES)

    def _adopt(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Record a trial that is complete on disk where it is not known: nothing is trained twice."""
        identity = self.identify(trial)
        if trial.name not in self.finished_runs:
            running = RunningTrial(
                identity, self._open_run(identity, self.store.failures(trial) + 1, trial.environment())
            )
            self._finish_run(running, result)
        if not self.store.is_complete(trial):
            self.store.start(trial, identity.varied)
            self.store.complete(trial, result)

    def _start(self, trial: Trial) -> None:
        attempt = self.store.failures(trial) + 1
        running = RunningTrial(self.identify(trial))
        self.store.start(trial, running.identity.varied)
        self._running[trial.name] = running
        self.executor.submit(trial)
        running.run = self._open_run(running.identity, attempt, self.environment)
        self.display.started(running.identity, attempt)

    def _open_run(self, identity: TrialIdentity, attempt: int, environment: Mapping[str, Any]) -> TrialRun:
        """Open the trial's run in MLflow; `environment` is that of the code that trains it."""
        tags = run_tags(identity, attempt, environment) | dict(self.tags)
        # In the list of models the varied fields distinguish one from another; the rest is a click away, on the run.
        on_model = identity.varied if self.searcher is None else None
        return self.launch.start_trial(identity.name, identity.params, tags, on_model=on_model)

    def _follow(self, running: RunningTrial, queue: deque[Trial]) -> None:
        """Log the epochs finished since the last look, in one call; stop a trial that the searcher gives up."""
        records = self._log_epochs(running)
        if self.searcher is not None and records and self.searcher.should_prune(running.trial):
            self._prune(running, queue)

    def _log_epochs(self, running: RunningTrial) -> list[Record]:
        records = self._new_epochs(running)
        if records and running.run is not None:
            dataset = running.dataset(self.data_source)
            if dataset is not None:
                running.run.log_dataset(dataset)
            running.run.log_epochs(metrics_by_epoch(records))
        return records

    def _new_epochs(self, running: RunningTrial) -> list[Record]:
        """Return the epochs finished since the last look, once the display and the searcher have them."""
        records = running.new_epochs()
        if records:
            self._log_batches(running, int(records[0]["epoch"]))
            self.display.epoch(running.identity, records[-1])
            if self.searcher is not None:
                self.searcher.report(running.trial, records)
        return records

    def _log_batches(self, running: RunningTrial, first: int) -> None:
        """Log the mini-batches of the epochs from number `first` on, where the trial records them."""
        if running.run is None:
            return
        for record in batch_record.read(running.trial.folder, after=first - 1):
            running.run.log_steps(BATCH_ACCURACY, record[batch_record.FIRST], record[BATCH_ACCURACY])

    def _prune(self, running: RunningTrial, queue: deque[Trial]) -> None:
        """Stop a trial for the search's sake; one that has ended meanwhile counts as what it is."""
        trial = running.trial
        self.executor.cancel(trial.name)
        if self.searcher is None or trial.result() is not None or trial.failure() is not None:
            self._end(Exit(trial=trial, code=0), queue)
            return
        del self._running[trial.name]
        if running.run is not None:
            running.run.prune()
        self.searcher.prune(trial)
        self.display.pruned(running.identity)

    def _end(self, ended: Exit, queue: deque[Trial]) -> None:
        """Record how a trial ended; the next one that waits starts first, so that no slot is idle."""
        running = self._running.pop(ended.trial.name)
        if queue and len(self._running) < self.executor.slots:
            self._start(queue.popleft())
        result = ended.trial.result()
        if result is None:
            self._fail(running, ended, queue)
            return
        self._finish_run(running, result)
        self.store.complete(ended.trial, result)
        self.display.finished(running.identity, result)

    def _fail(self, running: RunningTrial, ended: Exit, queue: deque[Trial]) -> None:
        """Record why a trial has no result, and queue it again where another attempt may have one."""
        trial = ended.trial
        self._log_epochs(running)
        reason, sentence = _reason(ended)
        if running.run is not None:
            running.run.fail(reason, sentence)
        self.store.fail(trial, reason)
        again = reason_of(reason).is_retried(self.store.failures(trial))
        self.display.failed(running.identity, with_sentence(reason, sentence), again=again)
        if again:
            queue.append(trial)

    def _finish_run(self, running: RunningTrial, result: Mapping[str, Any]) -> None:
        metrics = {name: result[name] for name in (TEST_ERROR, "test/loss", "time/train_s")}
        metrics |= self.network_metrics(running.trial.spec)
        records, trial = self._new_epochs(running), running.trial
        if running.run is not None:
            dataset = running.dataset(self.data_source)
            running.run.finish(metrics, trial.model_file, trial.config_file, metrics_by_epoch(records), dataset)
            self.finished_runs[running.trial.name] = running.run.run_id

    def _interrupt(self) -> None:
        """End the workers; their last finished epochs stay, and the next launch goes on from there.

        The error that interrupted the driver is the one to report: what cannot be closed now, the next launch closes.
        """
        with contextlib.suppress(Exception):
            self.executor.cancel()
        for running in self._running.values():
            with contextlib.suppress(Exception):
                self.store.fail(running.trial, Reason.INTERRUPTED)
            if running.run is not None:
                with contextlib.suppress(TrackingError):
                    running.run.kill()


def _reason(ended: Exit) -> tuple[str, str]:
    """Return the reason as recorded, and its sentence or nothing.

    A worker that was killed could record neither: that is done here, so that the trial is not taken for one that waits.
    """
    trial, outcome = ended.trial, ended.trial.outcome()
    if outcome.reason is not None:
        return outcome.reason, outcome.sentence
    reason = f"killed by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
    sentence = f"its process ended without an error of its own: see {trial.log_file.name} in its folder"
    with contextlib.suppress(OSError):  # a full disk: the stores say it still
        trial.folder.mkdir(parents=True, exist_ok=True)
        atomic.write_json(trial.failure_file, {"reason": reason, "detail": sentence})
    return reason, sentence


def run_phase(driver: Driver) -> None:
    """Run the driver's trials and close its display, so that the next phase may open its own."""
    try:
        driver.run()
    finally:
        driver.display.end()
