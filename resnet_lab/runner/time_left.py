"""Time left of a launch: what was trained since it began, against what there is to train."""

import time
from collections.abc import Callable, Mapping

from resnet_lab.spec import RunSpec
from resnet_lab.trials.cost import duration
from resnet_lab.trials.trial import Trial

ENOUGH = 0.01
"""Share of the work from which on an extrapolation says something."""


def work_of(spec: RunSpec) -> float:
    """Return a trial's work, in units of its own: layers times images. Trials of a launch differ in little else."""
    return float(spec.model.depth * spec.recipe.iterations * spec.recipe.batch_size)


class TimeLeft:
    """Seconds gone and left, by the share of the work that is done; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begun = clock, clock()
        self._all = self._done = 0.0
        self._running: dict[str, tuple[float, float]] = {}
        """By the trial's name: what it had done when it was started, and what it has done by now."""

    def begin(self, work: float) -> None:
        """Begin with that much to do."""
        self._all, self._begun = work, self._clock()

    def started(self, trial: Trial) -> None:
        """Count from where a trial goes on: what it had done before is no work of this launch."""
        history = trial.history()
        before = _done(trial.spec, history[-1]) if history else 0.0
        self._running[trial.name] = (before, before)

    def epoch(self, trial: Trial, record: Mapping[str, float]) -> None:
        """Count the epochs of a running trial."""
        before, _ = self._running.get(trial.name, (0.0, 0.0))
        self._running[trial.name] = (before, _done(trial.spec, record))

    def ended(self, trial: Trial, *, again: bool = False) -> None:
        """Count a trial that has ended as done, unless it is tried again."""
        before, _ = self._running.pop(trial.name, (0.0, 0.0))
        if not again:
            self._done += work_of(trial.spec) - before
            self._all -= before

    @property
    def gone(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._begun

    @property
    def left(self) -> float | None:
        """Seconds to go, or None while too little is done to say."""
        before = sum(first for first, _ in self._running.values())
        done = self._done + sum(now - first for first, now in self._running.values())
        whole = self._all - before
        if whole <= 0 or done < ENOUGH * whole:
            return None
        return max(self.gone * (whole - done) / done, 0.0)

    def text(self, to_go: int = 1) -> str:
        """Return `0:48 gone, about 3 min left`; without what is left where no trial is to go."""
        minutes, seconds = divmod(int(self.gone), 60)
        left = self.left if to_go else None
        return f"{minutes}:{seconds:02d} gone" + ("" if left is None else f", about {duration(left)} left")


def _done(spec: RunSpec, record: Mapping[str, float]) -> float:
    return work_of(spec) * min(record["iteration"] / spec.recipe.iterations, 1.0)
