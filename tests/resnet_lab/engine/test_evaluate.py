"""Evaluation: how many images are evaluated at once, which changes no prediction."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from resnet_lab.engine.evaluate import chunk_size


def images(side, device="cuda"):
    return SimpleNamespace(pixels=SimpleNamespace(device=torch.device(device), shape=(9000, side, side, 3)))


@pytest.mark.parametrize(
    ("width", "side", "count"),
    [(16, 32, 5000), (64, 32, 2048), (160, 32, 819), (16, 8, 5000), (64, 224, 125)],
)
def test_a_gpu_evaluates_cifars_validation_set_in_one_chunk_and_a_wide_net_in_smaller_ones(width, side, count):
    network = nn.Sequential(nn.Identity(), nn.Conv2d(3, width, 3))
    assert chunk_size(network, images(side)) == count
    assert chunk_size(network, images(side, "cpu")) == 125
