"""Images less each pixel's mean: the mean moves with the image, so that the border is zero, as if padded afterwards."""

import pytest
import torch
import torch.nn.functional as F

from resnet_lab.data.augment import batches, bordered, draw, normalise, padding_of
from resnet_lab.data.load import load
from resnet_lab.spec import DataSpec, RecipeSpec

RECIPE = {"batch_size": 64, "crop_padding": 2, "cutout_size": 3}


@pytest.fixture(scope="module")
def data():
    return load(DataSpec(name="digits", train_images=128, normalise="per_pixel"))


def test_the_numbers_are_those_of_the_training_images(data):
    pixels = data.train.pixels.double() / 255
    torch.testing.assert_close(data.mean.double(), pixels.mean(0), rtol=0, atol=1e-7)
    torch.testing.assert_close(data.std.double(), pixels.std(correction=0).view(1), rtol=0, atol=1e-7)
    x = normalise(data.train.pixels, data.mean, data.std)
    assert x.mean(0).abs().max() < 1e-5
    assert x.std() == pytest.approx(1.0, rel=0.4)  # below 1: the deviation is of all pixels about one mean


def test_without_normalisation_an_image_is_its_pixels_over_255():
    data = load(DataSpec(name="digits", train_images=128, normalise="none"))
    x = normalise(data.train.pixels, data.mean, data.std)
    torch.testing.assert_close(x, (data.train.pixels / 255).permute(0, 3, 1, 2), rtol=0, atol=1e-7)
    assert not bordered(data, 2)[:, :2].any(), "the border is black: what is zero afterwards"


@pytest.mark.parametrize("augmentation", ["none", "crop", "flip", "crop_flip", "cutout"])
def test_a_batch_is_cropped_flipped_and_blanked_after_the_mean_was_subtracted(data, augmentation):
    recipe = RecipeSpec(augmentation=augmentation, **RECIPE)
    found = torch.cat([x for x, _ in batches(data, recipe, seed=3, epoch=1, padded=bordered(data, padding_of(recipe)))])
    draws, padding = draw(128, recipe, seed=3, epoch=1), padding_of(recipe)
    whole = F.pad(normalise(data.train.pixels, data.mean, data.std), (padding,) * 4)
    for k, image in enumerate(found):
        y, x = draws.dy[k], draws.dx[k]
        expected = whole[draws.order[k], :, y : y + 8, x : x + 8]
        expected = expected.flip(2) if draws.flip[k] else expected
        if draws.centre is not None:
            row, column = (int(8 * share) - 1 for share in draws.centre[k])
            expected = expected.clone()
            expected[:, max(row, 0) : row + 3, max(column, 0) : column + 3] = 0
        torch.testing.assert_close(image, expected, rtol=0, atol=1e-5)


def test_a_warped_image_is_that_of_the_difference_to_half_a_grey_level(data):
    recipe = RecipeSpec(augmentation="shift_rotate", **RECIPE)
    found = torch.cat([x for x, _ in batches(data, recipe, seed=3, epoch=1, padded=data.train.pixels)])
    draws = draw(128, recipe, seed=3, epoch=1)
    scale = torch.tensor([1.0, 1.0, 4.0])
    grid = F.affine_grid(draws.affine / scale, [128, 1, 8, 8], align_corners=False)
    whole = normalise(data.train.pixels, data.mean, data.std)[draws.order]
    expected = F.grid_sample(whole.contiguous(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    assert (found - expected).abs().max() < 0.51 / (255 * float(data.std))
