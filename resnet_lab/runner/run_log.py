"""Run log: the MLflow runs of a driver's trials, as far as MLflow takes them.

While the store does not answer, training goes on. A run that was open is given up, and its trial entered again as a
whole, in a run of its own, as soon as the store is back; what is not entered by the end of the launch, the next one
enters from the trials' folders. So a run that is FINISHED has every epoch once.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from resnet_lab.metrics import BATCH_ACCURACY
from resnet_lab.runner.running_trial import RunningTrial, metrics_by_epoch
from resnet_lab.tracking import TrackingError, TrialRun
from resnet_lab.tracking.availability import Availability
from resnet_lab.trials import batch_record

Close = Callable[[TrialRun], None]


@dataclass(frozen=True, slots=True)
class _Ended:
    """A trial that ended while the store was away, and what closes its run."""

    running: RunningTrial
    close: Close


@dataclass(slots=True, kw_only=True)
class RunLog:
    """The runs of one launch's trials, in all its phases."""

    store: Availability
    finished: dict[str, str]
    """Trial name to run id of what is entered as FINISHED; grows."""
    data_source: str
    has_logged: bool = False
    """Whether anything of a trial was entered in this launch."""
    _ended: deque[_Ended] = field(default_factory=deque)
    _given_up: deque[str] = field(default_factory=deque)
    """Ids of runs to be closed: each was open when the store was lost."""

    @property
    def waiting(self) -> int:
        """How many trials have ended and are not entered."""
        return len(self._ended)

    def follow(self, running: RunningTrial) -> None:
        """Log what has not been logged of a running trial, in one call; its run is opened where it has none."""
        self._enter_waiting()
        if running.run is None:
            self._open(running)
        elif running.unlogged() and not self.store.attempt(partial(self._log, running, running.run)):
            self._give_up(running)

    def restart(self, running: RunningTrial) -> None:
        """Give up a run that may hold epochs of a damaged file, and open another; one without epochs goes on."""
        if running.logged:
            self._give_up(running)
        self.follow(running)

    def finish(self, running: RunningTrial, metrics: Mapping[str, float]) -> None:
        """Enter a complete trial: the rest of its epochs, its final metrics and its checkpoint."""
        self._end(running, partial(self._finish, running, metrics))

    def fail(self, running: RunningTrial, reason: str, sentence: str) -> None:
        """Enter why a trial has no result."""
        self._end(running, partial(self._fail, running, reason, sentence))

    def prune(self, running: RunningTrial) -> None:
        """Enter that a search stopped a trial."""
        self._end(running, TrialRun.prune)

    def kill(self, running: RunningTrial) -> None:
        """Close the run of a trial that was interrupted; where the store is away, the next launch does.

        One without an epoch is discarded: there is nothing to see of it.
        """
        if running.run is not None:
            self.store.attempt(running.run.kill if running.logged else running.run.discard)

    def close(self) -> None:
        """Enter what waits, if the store is back, and say what is left to the next launch."""
        self._enter_waiting()
        if self._ended:
            self.store.report(f"MLflow lacks {len(self._ended)} trials: the same command enters them when it answers")

    def _open(self, running: RunningTrial) -> None:
        def open_run() -> None:
            try:
                running.run = running.open_run()
            except TrackingError as error:
                if error.begun:
                    self._given_up.append(error.begun)
                raise

        running.nothing_logged()
        self.store.attempt(open_run)

    def _end(self, running: RunningTrial, close: Close) -> None:
        self._enter_waiting()
        if running.run is None:
            self._open(running)
        if running.run is None or not self.store.attempt(partial(close, running.run)):
            self._give_up(running)
            self._ended.append(_Ended(running, close))

    def _give_up(self, running: RunningTrial) -> None:
        if running.run is not None:
            self._given_up.append(running.run.run_id)
        running.run = None
        running.nothing_logged()

    def _enter_waiting(self) -> None:
        """Close the runs that were given up and enter the trials that ended since, while the store takes them."""
        while self._given_up and self.store.attempt(partial(self.store.close_run, self._given_up[0])):
            self._given_up.popleft()
        while self._ended and not self._given_up:
            ended = self._ended[0]
            self._open(ended.running)
            if ended.running.run is None:
                return
            if not self.store.attempt(partial(ended.close, ended.running.run)):
                self._give_up(ended.running)
                return
            self._ended.popleft()

    def _log(self, running: RunningTrial, run: TrialRun) -> None:
        dataset = running.dataset(self.data_source)
        if dataset is not None:
            run.log_dataset(dataset)
        _log_batches(running, run)
        run.log_epochs(metrics_by_epoch(running.unlogged()))
        running.logged, self.has_logged = len(running.history), True

    def _finish(self, running: RunningTrial, metrics: Mapping[str, float], run: TrialRun) -> None:
        trial, dataset = running.trial, running.dataset(self.data_source)
        epochs, tags = metrics_by_epoch(running.unlogged()), _notices(running)
        _log_batches(running, run)
        run.finish(metrics, trial.model_file, trial.config_file, epochs, dataset, tags)
        self.finished[trial.name], self.has_logged = run.run_id, True

    def _fail(self, running: RunningTrial, reason: str, sentence: str, run: TrialRun) -> None:
        if running.unlogged():
            self._log(running, run)
        run.fail(reason, sentence)
        self.has_logged = True


def _log_batches(running: RunningTrial, run: TrialRun) -> None:
    """Log the mini-batches of the epochs that are not logged, where the trial records them."""
    if running.unlogged():
        for record in batch_record.read(running.trial.folder, after=running.logged):
            run.log_steps(BATCH_ACCURACY, record[batch_record.FIRST], record[BATCH_ACCURACY])


def _notices(running: RunningTrial) -> dict[str, str]:
    """Return the tags of what was repaired, or changed in mid-trial."""
    tags: dict[str, list[str]] = {}
    for notice in running.trial.notices():
        tags.setdefault(notice.kind.value, []).append(notice.text)
    return {kind: "\n".join(texts) for kind, texts in tags.items()}
