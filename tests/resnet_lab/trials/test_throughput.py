"""Concurrent throughput: the best number of trials, measured with a stand-in for a graph; nothing is timed."""

from concurrent.futures import Future

import pytest
import torch

import resnet_lab.trials.cost
import resnet_lab.trials.throughput
from resnet_lab.engine.graph_capture import NoCapture
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import replace
from resnet_lab.trials.cost import estimate_many
from resnet_lab.trials.throughput import (
    COUNTS,
    STEPS,
    ConcurrentSessions,
    concurrent_throughput,
    forward_flops,
    noise_images,
    seconds_per_flop,
)

SPEC = replace(RunSpec(), {"model.depth": 8, "model.width": 4, "data.name": "digits", "recipe.batch_size": 16})
CPU = torch.device("cpu")


def test_sessions_train_together_across_the_end_of_the_images():
    made = []
    sessions = ConcurrentSessions(SPEC, noise_images(SPEC, CPU, 3), CPU, lambda: made.append(NoCapture()) or made[-1])
    assert sessions.rate(1, 2) > 0
    assert sessions.rate(2, 4) > 0
    assert len(made) == 2
    assert [session.iteration for session in sessions._sessions] == [1 + 2 + 4, 1 + 4]
    assert [session.spec.seed for session in sessions._sessions] == [0, 0]


def test_sessions_validate_as_many_images_as_a_run_does(monkeypatch):
    evaluated, real = [], resnet_lab.trials.throughput.evaluate
    monkeypatch.setattr(
        resnet_lab.trials.throughput, "evaluate", lambda *given: evaluated.append(len(given[1])) or real(*given)
    )
    ConcurrentSessions(SPEC, noise_images(SPEC, CPU, 3), CPU).rate(1, 3)
    assert evaluated == [1, 7]  # 180 images after 78 steps


def simulate(monkeypatch, answers):
    asked = []

    class Pretender:
        def __init__(self, *_, **settings):
            asked.append(settings)

        def rate(self, count, steps):
            asked.append((count, steps))
            answer = answers[count]
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr(resnet_lab.trials.throughput, "ConcurrentSessions", Pretender)
    return asked


def test_counts_end_where_two_in_a_row_bring_nothing(monkeypatch):
    asked = simulate(monkeypatch, {1: 16_000, 2: 16_100, 3: 30_000, 4: 31_000, 6: 29_000})
    rates = {1: 16_000, 2: 16_100, 3: 30_000, 4: 31_000, 6: 29_000}
    assert concurrent_throughput(SPEC, "cpu", kernels=Kernels.TORCH) == rates
    assert asked[0] == {"compiled": False, "kernels": Kernels.TORCH}
    assert asked[1:] == [(1, 8), (1, 500), (2, 250), (3, 166), (4, 125), (6, 83)]


def test_counts_end_where_memory_does(monkeypatch):
    simulate(monkeypatch, {1: 1.0, 2: 2.0, 3: torch.OutOfMemoryError("full")})
    assert concurrent_throughput(SPEC, "cpu") == {1: 1.0, 2: 2.0}


def test_there_is_a_maximum(monkeypatch):
    simulate(monkeypatch, {count: float(count) for count in COUNTS})
    assert max(concurrent_throughput(SPEC, "cpu")) == 16


def test_a_dry_run_times_a_hundred_steps_on_a_gpu_and_in_another_process(monkeypatch):
    asked, answer = [], Future()
    answer.set_result(2.0)
    monkeypatch.setattr(resnet_lab.trials.cost, "submit", lambda *call: asked.append(call) or answer)
    assert estimate_many([(SPEC, 3)], "cuda", 1) == pytest.approx(
        2.0 * 3 * forward_flops(SPEC) * SPEC.recipe.iterations * 16
    )
    assert asked == [(seconds_per_flop, SPEC, "cuda")]
    assert STEPS["cuda"] >= 100
    assert estimate_many([(SPEC, 3)], "cpu", 1) > 0
    assert len(asked) == 1
