"""Shift, rotation and cutout: known answers, and agreement with a loop over the images."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from resnet_lab.data.distort import (
    cutout,
    draw_affine,
    draw_boxes,
    draw_centres,
    nearest_grey,
    resized,
    resized_crop,
    warp,
)

MEAN = torch.tensor([0.3, 0.5])
GREY = torch.tensor([76, 128], dtype=torch.uint8)


def some_pixels(n: int, side: int) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, side, side, 2), generator=draw, dtype=torch.uint8)


def transform(turn: float, x: float, y: float) -> Tensor:
    angle = math.radians(turn)
    return torch.tensor([[[math.cos(angle), -math.sin(angle), x], [math.sin(angle), math.cos(angle), y]]])


def test_the_grey_is_the_level_nearest_to_the_mean() -> None:
    assert torch.equal(nearest_grey(MEAN), GREY)


@pytest.mark.parametrize("side", [1, 5, 8])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_are_exact_about_the_centre(side: int, quarters: int) -> None:
    pixels = some_pixels(1, side)
    assert torch.equal(warp(pixels, transform(90 * quarters, 0, 0), MEAN), pixels.rot90(quarters, (1, 2)))


@pytest.mark.parametrize(("x", "y"), [(1, 0), (0, -2), (3, 2), (9, 0)])
def test_whole_shifts_move_pixels_and_leave_the_mean_behind(x: int, y: int) -> None:
    pixels, side = some_pixels(1, 6), 6
    found = warp(pixels, transform(0, x, y), MEAN)
    for row in range(side):
        for column in range(side):
            inside = 0 <= row + y < side and 0 <= column + x < side
            assert torch.equal(found[0, row, column], pixels[0, row + y, column + x] if inside else GREY)


def test_half_a_pixel_is_the_mean_of_two() -> None:
    pixels = torch.tensor([[10, 20], [30, 40]], dtype=torch.uint8).view(1, 2, 2, 1)
    found = warp(pixels, transform(0, 0.5, 0), torch.tensor([100 / 255]))
    assert found.flatten().tolist() == [15, 60, 35, 70]


def test_each_image_is_warped_by_its_own() -> None:
    pixels = some_pixels(1, 5).expand(4, 5, 5, 2)
    turns = torch.cat([transform(90 * k, 0, 0) for k in range(4)])
    for k, image in enumerate(warp(pixels, turns, MEAN)):
        assert torch.equal(image, pixels[0].rot90(k))


def test_draws_are_rotations_and_shifts_within_their_bounds() -> None:
    affine = draw_affine(2000, shift=3, rotation=15, seed=0, epoch=2)
    turn, shift = affine[:, :, :2], affine[:, :, 2]
    torch.testing.assert_close(turn @ turn.mT, torch.eye(2).expand(2000, 2, 2))
    degrees = torch.atan2(turn[:, 1, 0], turn[:, 0, 0]).rad2deg()
    for values, bound in ((degrees, 15), (shift[:, 0], 3), (shift[:, 1], 3)):
        assert -bound <= values.min() < -0.98 * bound
        assert 0.98 * bound < values.max() <= bound
        assert abs(values.mean()) < 5 * bound / (3 * 2000) ** 0.5


def test_draws_are_a_function_of_seed_and_epoch_and_have_streams_of_their_own() -> None:
    def draw(seed: int = 0, epoch: int = 0, shift: int = 2, rotation: float = 10) -> Tensor:
        return draw_affine(9, shift=shift, rotation=rotation, seed=seed, epoch=epoch)

    assert torch.equal(draw(), draw())
    assert not torch.equal(draw(), draw(seed=1))
    assert not torch.equal(draw(), draw(epoch=1))
    assert torch.equal(draw()[:, :, 2], draw(rotation=0)[:, :, 2])
    assert torch.equal(draw()[:, :, :2], draw(shift=0)[:, :, :2])
    assert torch.equal(draw_centres(9, seed=0, epoch=0), draw_centres(9, seed=0, epoch=0))
    assert not torch.equal(draw_centres(9, seed=0, epoch=0), draw_centres(9, seed=0, epoch=1))


@given(st.integers(1, 9), st.integers(1, 12), st.lists(st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), max_size=4))
def test_cutout_equals_a_loop_over_the_pixels(size: int, side: int, centres: list[tuple[float, float]]) -> None:
    pixels = some_pixels(len(centres), size)
    centre = torch.tensor(centres).view(-1, 2)
    found = cutout(pixels, centre, side, MEAN)
    for k in range(len(centres)):
        top, left = (int(size * share) - side // 2 for share in centre[k].tolist())
        expected = pixels[k].clone()
        expected[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = GREY
        assert torch.equal(found[k], expected)


def test_every_pixel_can_be_the_centre_of_a_hole() -> None:
    found = (28 * draw_centres(5000, seed=0, epoch=0)).long()
    assert torch.equal(found.unique(), torch.arange(28))
    counts = found.flatten().bincount()
    assert (counts - 10_000 / 28).abs().max() < 5 * (10_000 / 28) ** 0.5


def test_boxes_are_drawn_as_torchvision_draws_them():
    boxes = draw_boxes(4000, scale=0.25, seed=0, epoch=0)
    width, height = boxes[:, 0, 0], boxes[:, 1, 1]
    whole = (width == 1) & (height == 1)
    area, aspect = (width * height)[~whole], (width / height)[~whole]
    assert 0.25 <= area.min() < 0.27
    assert 3 / 4 - 1e-4 <= aspect.min() < 0.77
    assert 1.30 < aspect.max() <= 4 / 3 + 1e-4
    assert (boxes[:, :, 2].abs() <= 1 - torch.stack([width, height], 1) + 1e-6).all(), "no box leaves its image"
    assert not boxes[:, 0, 1].any()
    assert torch.equal(boxes, draw_boxes(4000, scale=0.25, seed=0, epoch=0))
    assert not torch.equal(boxes, draw_boxes(4000, scale=0.25, seed=0, epoch=1))


def test_a_resized_crop_is_that_part_scaled():
    pixels = torch.randint(256, (2, 8, 8, 3), dtype=torch.uint8)
    whole = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).expand(2, 2, 3)
    assert torch.equal(resized_crop(pixels, whole, 8), pixels)
    corner = torch.tensor([[0.5, 0, 0.5], [0, 0.5, -0.5]]).expand(2, 2, 3)  # the upper right quarter
    assert torch.equal(resized_crop(pixels, corner, 4), pixels[:, :4, 4:])


def test_resizing_is_torchvisions():
    from torchvision.transforms import functional

    pixels = torch.randint(256, (2, 8, 8, 3), dtype=torch.uint8)
    for size in (5, 8, 13):
        theirs = functional.resize(pixels.permute(0, 3, 1, 2), [size, size], antialias=True).permute(0, 2, 3, 1)
        assert (resized(pixels, size).int() - theirs.int()).abs().max() <= 1, "fixed point there, floating point here"
