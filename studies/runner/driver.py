"""The driver: the only writer of the Optuna study and of MLflow. It hands trials to workers and keeps the books."""

import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resnet_lab.spec.fields import flatten
from resnet_lab.tracking import LaunchRun, TrackingError, TrialRun
from resnet_lab.trials.trial import Trial
from studies.audit.audit import Audit
from studies.plan.plan import Plan
from studies.runner.display import Display
from studies.runner.executor import Executor, Exit
from studies.runner.running_trial import Record, Running, shown, tags_of
from studies.runner.trial_store import FINAL, INTERRUPTED, MAX_RETRIES, Searcher, TrialStore, is_retried

POLL_S = 0.5


@dataclass(slots=True, kw_only=True)
class Driver:
    plan: Plan
    trials: Sequence[Trial]
    ledger: TrialStore
    launch: LaunchRun
    finished_runs: dict[str, str]
    """Trial name to run id, in this study's experiment; grows as trials end."""
    executor: Executor
    display: Display
    environment: Mapping[str, Any]
    data_source: str
    audit: Audit | None = None
    search: Searcher | None = None
    """Proposes further trials, and says which to stop."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """On the run of every trial."""
    when_idle: Callable[[], object] = lambda: None
    """Called once, when the last trials leave a slot free: the moment to load what the report needs."""
    _running: dict[str, Running] = field(default_factory=dict)
    _was_idle: bool = False

    def run(self) -> None:
        """Run every trial that is not complete, then what the search proposes.

        On any exception the workers are ended and the books closed.
        """
        queue = deque(trial for trial in self.trials if not self._settled(trial))
        budget = self.search.budget if self.search else 0
        self.display.begin(total=len(self.trials) + budget, done=len(self.trials) - len(queue))
        try:
            while self._fill(queue):
                for ended in self.executor.wait(POLL_S):
                    self._end(ended, queue)
                for running in list(self._running.values()):
                    if self._follow(running):
                        self._prune(running, queue)
        except BaseException:
            self._interrupt()
            raise

    def _fill(self, queue: deque[Trial]) -> bool:
        """Start as many trials as there are free slots. Returns whether any is running."""
        while len(self._running) < self.executor.slots:
            trial = queue.popleft() if queue else self._proposed()
            if trial is None:
                if self._running and not self._was_idle:
                    self._was_idle = True
                    self.when_idle()
                break
            self._start(trial)
        return bool(self._running)

    def _proposed(self) -> Trial | None:
        while self.search is not None:
            trial = self.search.propose()
            if trial is None or not self._settled(trial):
                return trial
        return None

    def _settled(self, trial: Trial) -> bool:
        """Whether there is nothing left to run: complete (also by another study), or failed too often."""
        result = trial.result()
        if result is not None:
            if not self.ledger.is_complete(trial) or trial.name not in self.finished_runs:
                self._adopt(trial, result)
            return True
        failure = trial.failure()
        final = failure is not None and failure["reason"] in FINAL
        return self.ledger.failures(trial) > (0 if final else MAX_RETRIES)

    def _adopt(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Enter a trial that is complete on disk into books that do not know it: nothing is trained twice."""
        if trial.name not in self.finished_runs:
            running = Running(trial, self._open_run(trial, attempt=self.ledger.failures(trial) + 1))
            self._finish_run(running, result)
        if not self.ledger.is_complete(trial):
            self.ledger.start(trial, self.plan.fields(trial.spec))
            self.ledger.complete(trial, result)

    def _start(self, trial: Trial) -> None:
        attempt = self.ledger.failures(trial) + 1
        self.ledger.start(trial, self.plan.fields(trial.spec))
        running = Running(trial)
        self._running[trial.name] = running
        self.executor.submit(trial)
        running.run = self._open_run(trial, attempt)
        self.display.started(trial, attempt)

    def _open_run(self, trial: Trial, attempt: int) -> TrialRun:
        tags = tags_of(self.plan, trial, attempt, self.environment) | dict(self.tags)
        # In the list of models the varied fields tell one from another; the rest is a click away, on the run.
        telling = self.plan.fields(trial.spec) if self.search is None else None
        return self.launch.start_trial(trial.name, flatten(trial.spec), tags, on_model=telling)

    def _follow(self, running: Running) -> bool:
        """Log the epochs finished since the last look, in one call. Returns whether the search would stop the trial."""
        fresh = self._fresh(running)
        if fresh and running.run is not None:
            dataset = running.dataset(self.data_source)
            if dataset is not None:
                running.run.log_dataset(dataset)
            running.run.log_epochs(shown(fresh))
        return self._hopeless(running, fresh)

    def _hopeless(self, running: Running, fresh: list[Record]) -> bool:
        return self.search is not None and bool(fresh) and self.search.hopeless(running.trial, fresh)

    def _fresh(self, running: Running) -> list[Record]:
        """Return the epochs finished since the last look, and show them."""
        fresh = running.fresh()
        if fresh:
            self.display.epoch(running.trial, fresh[-1])
        return fresh

    def _prune(self, running: Running, queue: deque[Trial]) -> None:
        """Stop a trial for the search's sake; one that has ended meanwhile counts as what it is."""
        trial = running.trial
        self.executor.cancel(trial.name)
        if self.search is None or trial.result() is not None or trial.failure() is not None:
            self._end(Exit(trial=trial, code=0), queue)
            return
        del self._running[trial.name]
        if running.run is not None:
            running.run.prune()
        self.search.prune(trial)
        self.display.pruned(trial)

    def _end(self, ended: Exit, queue: deque[Trial]) -> None:
        """Enter what came of a trial into the books; the next one that waits starts first, so that no slot is idle."""
        running = self._running.pop(ended.trial.name)
        if queue and len(self._running) < self.executor.slots:
            self._start(queue.popleft())
        result = ended.trial.result()
        if result is not None:
            self._finish_run(running, result)
            self.ledger.complete(ended.trial, result)
            self.display.finished(ended.trial, result)
            return
        self._follow(running)
        reason = self._reason(ended)
        if running.run is not None:
            running.run.fail(reason)
        self.ledger.fail(ended.trial, reason)
        again = is_retried(reason, self.ledger.failures(ended.trial))
        self.display.failed(ended.trial, reason, again=again)
        if again:
            queue.append(ended.trial)

    def _finish_run(self, running: Running, result: Mapping[str, Any]) -> None:
        metrics = {name: result[name] for name in ("test/error", "test/loss", "time/train_s")}
        if self.audit is not None:
            metrics |= self.audit.metrics_of(running.trial.spec)
        fresh, folder = self._fresh(running), running.trial.folder
        self._hopeless(running, fresh)  # too late to stop it, but the search takes note
        if running.run is not None:
            kept = folder / "model.safetensors", folder / "config.json"
            running.run.finish(metrics, *kept, shown(fresh), running.dataset(self.data_source))
            self.finished_runs[running.trial.name] = running.run.run_id

    def _reason(self, ended: Exit) -> str:
        failure = ended.trial.failure()
        if failure is not None:
            return str(failure["reason"])
        return f"killed by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"

    def _interrupt(self) -> None:
        """End the workers; their last finished epochs stay, and the next launch goes on from there.

        The error that interrupted the driver is the one to tell: what cannot be closed now, the next launch closes.
        """
        with contextlib.suppress(Exception):
            self.executor.cancel()
        for running in self._running.values():
            with contextlib.suppress(Exception):
                self.ledger.fail(running.trial, INTERRUPTED)
            if running.run is not None:
                with contextlib.suppress(TrackingError):
                    running.run.kill()


def run_phase(driver: Driver) -> None:
    """Run the driver's trials and close its display, so that the next stage may open its own."""
    try:
        driver.run()
    finally:
        driver.display.end()


def audited(driver: Driver) -> Audit:
    """Return the driver's audit, which every launch makes."""
    if driver.audit is None:
        raise ValueError("a launch audits its plan before it runs")
    return driver.audit
