"""Real executors: waiting for what their workers do, with an end."""

import time

import pytest


@pytest.fixture
def wait_for():
    """Wait until a condition holds, at most two minutes."""

    def wait(condition):
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    return wait


@pytest.fixture
def stop_one(wait_for):
    """Start two trials that would last, stop one by name, and see that it leaves nothing more and the other goes on."""

    def stop(executor, stopped, other):
        for trial in (stopped, other):
            executor.submit(trial)
        wait_for(lambda: stopped.history() and other.history())
        executor.stop(stopped.name)
        exits = []
        wait_for(lambda: exits.extend(executor.wait(0)) or exits)
        assert [each.trial.name for each in exits] == [stopped.name]
        epochs, before = len(stopped.history()), len(other.history())
        wait_for(lambda: len(other.history()) > before + 1)
        assert executor.wait(0) == []
        assert len(stopped.history()) == epochs
        assert (stopped.result(), stopped.failure()) == (None, None)

    return stop
