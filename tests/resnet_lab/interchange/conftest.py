"""Fixtures: foreign networks with random weights, one thread."""

import copy
import functools

import pytest
import torch


@pytest.fixture(autouse=True)
def on_one_thread(one_thread: None) -> None:
    """Every test of this folder runs on one thread."""


def randomised(model):
    """Give every tensor of a network random values, running statistics among them, so that no mix-up cancels."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator)
                tensor.copy_(0.5 + noise if tensor.dim() < 2 else (noise - 0.5) * (4 / tensor[0].numel()) ** 0.5)
            elif name.endswith("num_batches_tracked"):
                tensor.fill_(7)
    return model.eval()


@functools.cache
def made(name, classes):
    from torchvision import models

    with torch.device("meta"):  # without the draws that are overwritten
        model = getattr(models, name)(num_classes=classes)
    return randomised(model.to_empty(device="cpu"))


@pytest.fixture(scope="session")
def foreign():
    """Build a network of torchvision's by name, with random weights in every tensor."""
    return lambda name, num_classes=1000: copy.deepcopy(made(name, num_classes))


@pytest.fixture
def randomise():
    return randomised
