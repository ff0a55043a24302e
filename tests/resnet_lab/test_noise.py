"""Noise inside modules is a function of (seed, epoch), and the caller's random state is his own."""

import pytest
import torch

from resnet_lab.noise import epoch_noise

CPU = torch.device("cpu")


def draws(seed: int, epoch: int) -> torch.Tensor:
    with epoch_noise(seed, epoch, CPU):
        return torch.rand(8)


def test_draws_depend_on_seed_and_epoch_alone():
    torch.manual_seed(1)
    first = draws(0, 3)
    torch.manual_seed(2)
    assert torch.equal(draws(0, 3), first)
    assert not torch.equal(draws(0, 4), first)
    assert not torch.equal(draws(1, 3), first)


def test_the_callers_state_comes_back_even_after_an_error():
    state = torch.get_rng_state()
    draws(0, 0)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(RuntimeError), epoch_noise(0, 0, CPU):
        torch.rand(-torch.randint(1, 9, ()))
    assert torch.equal(torch.get_rng_state(), state)


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
