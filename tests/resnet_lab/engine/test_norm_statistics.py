"""Statistics estimated again: the mean over batches of training images, the network otherwise as it was."""

import torch
from torch import nn

from resnet_lab.data.augment import normalise
from resnet_lab.data.load import load
from resnet_lab.engine.norm_statistics import IMAGES, _images, estimate_norms, estimate_on_images
from resnet_lab.spec import DataSpec


def test_they_are_the_mean_over_the_batches_and_momentum_and_mode_come_back():
    norm = nn.BatchNorm2d(3, momentum=0.3).eval()
    batches = [torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    estimate_norms([norm], batches, torch.float32)
    torch.testing.assert_close(norm.running_mean, torch.stack([x.mean((0, 2, 3)) for x in batches]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([x.var((0, 2, 3)) for x in batches]).mean(0))
    assert (norm.momentum, norm.training) == (0.3, False)


def test_a_network_is_estimated_as_it_is_at_test_and_keeps_its_mode():
    data = load(DataSpec(name="digits", train_images=64))
    model = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(1)).train()
    estimate_on_images(model, data, batch=32, dtype=torch.float32)
    x = normalise(data.train.pixels, data.mean, data.std, torch.float32)
    torch.testing.assert_close(model[1].running_mean, x.mean((0, 2, 3)))  # nothing was dropped
    assert model.training
    assert model[1].training


def test_batches_are_of_one_size_and_a_few_thousand_images_at_most():
    data = load(DataSpec(name="digits", train_images=100))
    assert [len(x) for x in _images(data, 32, torch.float32)] == [32, 32, 32]
    assert IMAGES == 5_000
