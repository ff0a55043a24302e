"""Augmentation of photographs: crops within the stored rim, resized crops, and images scaled to a size of their own."""

import dataclasses

import pytest
import torch

from resnet_lab.data.augment import batches, bordered, draw, normalise, padding_of
from resnet_lab.data.images import ImageData, Images
from resnet_lab.spec import RecipeSpec


def images(margin: int, side: int = 0) -> ImageData:
    part = Images(torch.randint(256, (20, 8, 8, 3), dtype=torch.uint8), torch.arange(20))
    half = torch.full((3,), 0.5)
    return ImageData(
        name="folder",
        train=part,
        val=part,
        test=part,
        mean=half,
        std=half,
        sha256="",
        classes=20,
        margin=margin,
        side=side,
    )


def epoch(data: ImageData, augmentation: str) -> tuple[torch.Tensor, torch.Tensor]:
    recipe = RecipeSpec(augmentation=augmentation, batch_size=20)
    padded = bordered(data, padding_of(recipe, data.margin))
    ((x, y),) = batches(data, recipe, seed=0, epoch=0, padded=padded)
    return x, y


def test_without_augmentation_a_photograph_is_its_centre() -> None:
    data = images(margin=2)
    x, y = epoch(data, "none")
    assert data.size == 4
    assert torch.equal(x, normalise(data.train.pixels[:, 2:6, 2:6], data.mean, data.std)[y])
    assert torch.equal(data.view(data.train.pixels), data.train.pixels[:, 2:6, 2:6])


def test_a_crop_of_a_photograph_moves_within_its_rim() -> None:
    data = images(margin=2)
    draws = draw(20, RecipeSpec(augmentation="crop"), seed=0, epoch=0, margin=2)
    x, y = epoch(data, "crop")
    assert {*draws.dy.tolist(), *draws.dx.tolist()} == {0, 1, 2, 3, 4}
    for found, label, dy, dx in zip(x, y, draws.dy, draws.dx, strict=True):
        part = data.train.pixels[label, dy : dy + 4, dx : dx + 4]
        assert torch.equal(found, normalise(part[None], data.mean, data.std)[0])


@pytest.mark.parametrize("augmentation", ["resized_crop", "resized_crop_flip", "flip", "crop_flip", "cutout"])
@pytest.mark.parametrize(("margin", "side"), [(2, 0), (0, 12), (0, 0)])
def test_every_augmentation_gives_the_set_s_size(augmentation: str, margin: int, side: int) -> None:
    data = images(margin, side)
    x, _ = epoch(data, augmentation)
    assert x.shape == (20, 3, data.size, data.size)
    assert data.size == {(2, 0): 4, (0, 12): 12, (0, 0): 8}[margin, side]
    assert data.view(data.val.pixels).shape == (20, data.size, data.size, 3)


def test_images_of_a_size_of_their_own_are_scaled_after_they_were_cropped() -> None:
    data = images(0, side=16)
    x, y = epoch(data, "none")
    whole = dataclasses.replace(data, side=0)
    assert torch.equal(x, normalise(data.view(data.train.pixels), data.mean, data.std)[y])
    assert epoch(whole, "none")[0].shape[2] == 8
