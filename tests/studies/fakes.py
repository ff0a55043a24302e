"""A fake executor: trials take no time, and their files are those of a worker."""

import json
from collections import Counter

from resnet_lab.runner.executor import Exit
from resnet_lab.spec.fields import to_json
from resnet_lab.system import atomic
from tests.specs import write_result

SENTENCE = "what went wrong"


class FakeExecutor:
    """Each wait is an epoch of every running trial.

    `error(spec)` is the test error where a trial ends, or None for one that diverges; `curve(spec, epoch)` is the
    validation error on the way, by default `error(spec)` all along. `script` says for a trial's name how its attempts
    end: a reason, a signal's number, (a signal's number,) that other trials share, (a reason, an exit code) and perhaps
    "shared", an exception that `wait` raises, or "complete"; later attempts are complete.
    """

    def __init__(
        self,
        error=lambda _: 5.0,
        *,
        epochs=1,
        curve=None,
        slots=2,
        cancel_after=None,
        script=None,
        code=None,
        fits=None,
    ):
        self.fits = fits
        self.slots, self.epochs, self.error, self.curve = slots, epochs, error, curve
        self.script, self.cancel_after, self.code = script or {}, cancel_after, code
        self.running, self.started, self.stopped, self.together, self.lowered = {}, Counter(), [], [], []

    def has_room(self, trial):
        return self.fits is None or self.fits(trial, self.running)

    def lower_slots(self, name):
        self.lowered.append(name)
        self.slots = max(1, self.slots - 1)

    def submit(self, trial):
        assert len(self.running) < self.slots
        assert trial.name not in self.running
        self.together.append((trial.name, set(self.running)))
        self.started[trial.name] += 1
        self.running[trial.name] = trial
        write_begin(trial, self.code)

    def wait(self, timeout):  # noqa: ARG002  # the protocol's
        if self.cancel_after is not None and sum(self.started.values()) > self.cancel_after:
            raise KeyboardInterrupt
        stopped = [self.running.pop(name) for name in self.stopped if name in self.running]
        ended = [trial for trial in self.running.values() if self._epoch(trial) >= self.epochs]
        return [Exit(trial=trial, code=-9) for trial in stopped] + [self._end(trial) for trial in ended]

    def stop(self, name):
        self.stopped.append(name)

    def cancel(self):
        self.running.clear()

    def drain(self, seconds):
        self.drained = seconds

    def _epoch(self, trial):
        done = len(trial.history()) + 1
        value = self.curve(trial.spec, done) if self.curve else self.error(trial.spec)
        if value is None:
            return self.epochs
        record = {"epoch": done, "iteration": trial.spec.recipe.iterations * done // self.epochs}
        record |= {"train/loss": 1.5, "val/error": value, "time/epoch_s": 0.1}
        if done <= self.epochs:
            with (trial.folder / "history.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
        return done

    def _end(self, trial):
        attempts, attempt = self.script.get(trial.name, []), self.started[trial.name]
        outcome = attempts[attempt - 1] if attempt <= len(attempts) else "complete"
        if isinstance(outcome, BaseException):
            raise outcome
        del self.running[trial.name]
        if isinstance(outcome, tuple) and isinstance(outcome[0], str):
            write_end(trial, outcome[0])
            return Exit(trial=trial, code=outcome[1], shared="shared" in outcome)
        if isinstance(outcome, int | tuple):
            shared = isinstance(outcome, tuple)
            return Exit(trial=trial, code=-(outcome[0] if shared else outcome), shared=shared)
        if self.error(trial.spec) is None:
            outcome = "diverged"
        write_end(trial, outcome, self.error(trial.spec))
        return Exit(trial=trial, code=0 if outcome == "complete" else 3)


def write_begin(trial, code=None):
    """Write what a worker writes first; without `code` it is one of an earlier version, which named none."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    (trial.folder / "failure.json").unlink(missing_ok=True)
    atomic.write(trial.folder / "config.json", to_json(trial.spec).encode())
    environment = {"code_sha256": code} if code else {}
    (trial.folder / "env.json").write_text(json.dumps(environment | {"data": {"name": "digits", "sha256": "ab" * 32}}))


def write_end(trial, outcome="complete", error=5.0):
    """Write what a worker writes last: a result and weights, or the reason why there are none."""
    if outcome != "complete":
        (trial.folder / "failure.json").write_text(json.dumps({"reason": outcome, "detail": SENTENCE}))
        return
    figures = {"test/error": error, "test/loss": 0.5, "val/error": error, "time/train_s": 0.1}
    write_result(trial, figures)
