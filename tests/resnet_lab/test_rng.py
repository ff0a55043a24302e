"""Random streams and noise: pure functions of their arguments, pinned; the caller's random state stays as it was."""

import itertools
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resnet_lab.rng import NoiseByStep, epoch_noise, stream

CPU = torch.device("cpu")


def draw(*arguments) -> torch.Tensor:
    return torch.rand(4, generator=stream(*arguments))


@given(st.integers(0, 2**40), st.sampled_from(["init", "order", "augmentation"]), st.lists(st.integers(0, 10**6)))
def test_a_stream_is_a_pure_function_of_its_arguments(seed, name, keys):
    assert torch.equal(draw(seed, name, *keys), draw(seed, name, *keys))


def test_no_two_of_many_streams_share_their_draws():
    seeds, names, epochs = range(20), ("init", "order", "augmentation"), range(20)
    draws = {tuple(draw(*keys).tolist()) for keys in itertools.product(seeds, names, epochs)}
    assert len(draws) == 20 * 3 * 20


def test_a_stream_neither_reads_nor_moves_the_global_generator():
    torch.manual_seed(1)
    before, first = torch.get_rng_state(), draw(0, "init")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(draw(0, "init"), first)


def test_taking_from_one_stream_does_not_move_another():
    one, other = stream(0, "order", 1), stream(0, "order", 2)
    torch.rand(100, generator=one)
    assert torch.equal(torch.rand(4, generator=other), draw(0, "order", 2))


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ((0, "init", "stem.conv1", "16x3x3x3"), 12487467972876852461),
        ((1, "order", 5), 2099349954042429122),
        ((7, "augmentation", 0), 926259518502069627),
    ],
)
def test_a_refactoring_keeps_the_streams(arguments, first):
    """Else a run resumed with newer code would not be the run that was begun."""
    assert stream(*arguments).initial_seed() == first


def noise(seed: int, epoch: int) -> torch.Tensor:
    with epoch_noise(seed, epoch, CPU):
        return torch.rand(8)


def test_draws_depend_on_seed_and_epoch_alone():
    torch.manual_seed(1)
    first = noise(0, 3)
    torch.manual_seed(2)
    assert torch.equal(noise(0, 3), first)
    assert not torch.equal(noise(0, 4), first)
    assert not torch.equal(noise(1, 3), first)


def test_the_callers_state_comes_back_even_after_an_error():
    state = torch.get_rng_state()
    noise(0, 0)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(RuntimeError), epoch_noise(0, 0, CPU):
        torch.rand(-torch.randint(1, 9, ()))
    assert torch.equal(torch.get_rng_state(), state)


def test_noise_by_step_is_that_of_the_epoch_and_others_may_draw_between_the_steps():
    with epoch_noise(0, 3, CPU):
        whole = [torch.rand(4) for _ in range(3)]
    noise_of_epoch, others, steps = NoiseByStep(0, 3, CPU), [], []
    before = torch.get_rng_state()
    for _ in range(3):
        with noise_of_epoch.step():
            steps.append(torch.rand(4))
        thread = threading.Thread(target=lambda: others.append(noise(1, 1)))
        thread.start()
        thread.join(10)
    assert len(others) == 3
    assert all(torch.equal(*each) for each in zip(whole, steps, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.cuda
def test_a_gpu_is_seeded_and_restored_too():
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    gpu = torch.device("cuda")
    before, found = torch.cuda.get_rng_state(gpu), []
    for outer in (1, 2):
        torch.rand(outer, device=gpu)
        state = torch.cuda.get_rng_state(gpu)
        with epoch_noise(0, 0, gpu):
            found.append(torch.rand(8, device=gpu))
        assert torch.equal(torch.cuda.get_rng_state(gpu), state)
    assert torch.equal(*found)
    torch.cuda.set_rng_state(before, gpu)
