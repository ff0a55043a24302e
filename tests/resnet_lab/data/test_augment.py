"""Augmentation: crops, flips and batches are the draws, and the draws are functions of (seed, epoch)."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from resnet_lab.data.augment import Draws, batches, crop, draw, flip, normalise, pad, padding_of
from resnet_lab.data.images import ImageData, Images
from resnet_lab.errors import UserError
from resnet_lab.spec import Augmentation, DatasetName, RecipeSpec


def some_pixels(n: int, side: int, channels: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, side, side, channels), generator=generator, dtype=torch.uint8)


def some_data(n: int = 21, side: int = 8, channels: int = 3) -> ImageData:
    images = Images(some_pixels(n, side, channels), torch.arange(n))
    mean, std = torch.linspace(0.3, 0.5, channels), torch.linspace(0.2, 0.25, channels)
    return ImageData(
        name=DatasetName.CIFAR10,
        train=images,
        val=images,
        test=images,
        mean=mean,
        std=std,
        sha256="",
        classes=n,
    )


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 3), st.sampled_from([1, 3]), st.data())
def test_crop_equals_a_loop_over_the_images(n: int, size: int, slack: int, channels: int, data: st.DataObject) -> None:
    padded = some_pixels(n, size + slack, channels)
    count = data.draw(st.integers(0, 6))
    lists = [data.draw(st.lists(st.integers(0, top), min_size=count, max_size=count)) for top in (n - 1, slack, slack)]
    index, dy, dx = (torch.tensor(values, dtype=torch.int64) for values in lists)
    found = crop(padded, index, dy, dx, size)
    assert found.shape == (count, size, size, channels)
    for k in range(count):
        assert torch.equal(found[k], padded[index[k], dy[k] : dy[k] + size, dx[k] : dx[k] + size])


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=6), st.integers(1, 5))
def test_flip_mirrors_the_marked_images_and_undoes_itself(marks: list[bool], side: int) -> None:
    pixels, mirrored = some_pixels(len(marks), side, 3), torch.tensor(marks, dtype=torch.bool)
    found = flip(pixels, mirrored)
    for k, mark in enumerate(marks):
        assert torch.equal(found[k], pixels[k, :, range(side - 1, -1, -1)] if mark else pixels[k])
    assert torch.equal(flip(found, mirrored), pixels)


def test_a_border_is_zero_after_normalisation_to_half_a_grey_level() -> None:
    data = some_data()
    padded = pad(data.train, 2, data.mean)
    assert torch.equal(padded[:, 2:-2, 2:-2], data.train.pixels)
    border = normalise(padded, data.mean, data.std)[:, :, :2]
    assert (border.abs() <= (0.5 / 255 / data.std)[:, None, None] + 1e-6).all()


def test_no_padding_copies_nothing() -> None:
    data = some_data()
    assert pad(data.train, 0, data.mean) is data.train.pixels


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_normalise_is_the_formula_in_channels_last(channels: int, dtype: torch.dtype) -> None:
    data = some_data(channels=channels)
    found = normalise(data.train.pixels, data.mean, data.std, dtype)
    exact = ((data.train.pixels.double() / 255 - data.mean) / data.std).permute(0, 3, 1, 2)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.double(), exact, rtol=2**-8 if dtype == torch.bfloat16 else 1e-5, atol=1e-5)


def equal(one: Draws, two: Draws, field: str) -> bool:
    return torch.equal(getattr(one, field), getattr(two, field))


def test_draws_are_a_function_of_seed_and_epoch() -> None:
    recipe = RecipeSpec()
    first = draw(200, recipe, seed=0, epoch=3)
    torch.manual_seed(99)  # the global generator has no say
    again = draw(200, recipe, seed=0, epoch=3)
    for field in ("order", "dy", "dx", "flip"):
        assert equal(first, again, field)
        assert not equal(first, draw(200, recipe, seed=0, epoch=4), field)
        assert not equal(first, draw(200, recipe, seed=1, epoch=3), field)


def test_draws_cover_their_range_and_the_order_is_a_permutation() -> None:
    draws = draw(2000, RecipeSpec(crop_padding=2), seed=0, epoch=0)
    assert torch.equal(draws.order.sort().values, torch.arange(2000))
    for offsets in (draws.dy, draws.dx):
        assert (offsets.bincount() - 400).abs().max() < 4 * (2000 * 0.2 * 0.8) ** 0.5
    assert abs(draws.flip.sum() - 1000) < 4 * (2000 * 0.25) ** 0.5
    assert not torch.equal(draws.dy, draws.dx)


@pytest.mark.parametrize(
    ("augmentation", "same", "still"),
    [
        (Augmentation.CROP, ("order", "dy", "dx"), ("flip",)),
        (Augmentation.FLIP, ("order", "flip"), ("dy", "dx")),
        (Augmentation.NONE, ("order",), ("dy", "dx", "flip")),
        (Augmentation.SHIFT_ROTATE, ("order",), ("dy", "dx", "flip")),
        (Augmentation.CUTOUT, ("order", "dy", "dx", "flip"), ()),
    ],
)
def test_switching_one_off_leaves_the_others_as_they_were(
    augmentation: Augmentation, same: tuple[str, ...], still: tuple[str, ...]
) -> None:
    both = draw(100, RecipeSpec(), seed=0, epoch=0)
    fewer = draw(100, RecipeSpec(augmentation=augmentation), seed=0, epoch=0)
    assert all(equal(both, fewer, field) for field in same)
    assert not any(getattr(fewer, field).any() for field in still)


def test_only_a_recipe_that_crops_pads() -> None:
    paddings = {member: padding_of(RecipeSpec(augmentation=member)) for member in Augmentation}
    assert {name for name, padding in paddings.items() if padding == 4} == {"crop_flip", "crop", "cutout"}
    assert set(paddings.values()) == {0, 4}
    assert padding_of(RecipeSpec(), margin=3) == 0, "images with a margin have what a crop needs"


def epoch_of(data: ImageData, recipe: RecipeSpec, epoch: int = 0, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    padded = pad(data.train, padding_of(recipe), data.mean)
    return list(batches(data, recipe, seed=seed, epoch=epoch, padded=padded))


def test_batches_are_the_draws_applied_image_by_image() -> None:
    data, recipe = some_data(), RecipeSpec(batch_size=5)
    padded, draws = pad(data.train, 4, data.mean), draw(21, recipe, seed=0, epoch=7)
    got = epoch_of(data, recipe, epoch=7)
    assert [len(y) for _, y in got] == [5, 5, 5, 5], "the incomplete fifth batch is dropped"
    x, y = (torch.cat(parts) for parts in zip(*got, strict=True))
    assert torch.equal(y, draws.order[:20])
    for i in range(20):
        top, left = int(draws.dy[i]), int(draws.dx[i])
        image = padded[draws.order[i], top : top + 8, left : left + 8]
        image = image.flip(1) if draws.flip[i] else image
        expected = ((image / 255 - data.mean) / data.std).permute(2, 0, 1)
        torch.testing.assert_close(x[i], expected, rtol=1e-5, atol=1e-5)


def test_each_image_of_a_batch_has_a_draw_of_its_own() -> None:
    one = some_data(n=1).train.pixels
    data = some_data(n=64)
    copies = Images(one.expand(64, 8, 8, 3).contiguous(), torch.arange(64))
    same = ImageData(
        name=data.name,
        train=copies,
        val=copies,
        test=copies,
        mean=data.mean,
        std=data.std,
        sha256="",
        classes=64,
    )
    ((x, _),) = epoch_of(same, RecipeSpec(batch_size=64))
    assert len({tuple(image.flatten().tolist()) for image in x}) > 30, "64 copies of one image look alike"


def test_without_augmentation_an_epoch_is_the_shuffled_set() -> None:
    data, recipe = some_data(), RecipeSpec(batch_size=21, augmentation=Augmentation.NONE)
    ((x, y),) = epoch_of(data, recipe)
    assert torch.equal(x, normalise(data.train.pixels, data.mean, data.std)[y])


def test_a_batch_larger_than_the_set_is_refused_at_the_call() -> None:
    data, recipe = some_data(), RecipeSpec(batch_size=22)
    with pytest.raises(UserError, match=r"batch_size=22 .* at most 21"):
        batches(data, recipe, seed=0, epoch=0, padded=data.train.pixels)


def test_cutout_is_crop_and_flip_with_a_hole() -> None:
    """Blanks what it should and nothing else: the hole is the mean, which normalises to half a grey level or less."""
    data = some_data()
    plain = RecipeSpec(batch_size=21, crop_padding=1)
    ((x, y),) = epoch_of(data, plain)
    ((holed, labels),) = epoch_of(data, replace(plain, augmentation=Augmentation.CUTOUT, cutout_size=4))
    assert torch.equal(y, labels)
    changed = (holed != x).any(1)
    assert (changed.flatten(1).sum(1) <= 16).all()
    assert (changed.flatten(1).sum(1) >= 4).all()
    in_a_hole = changed[:, None].expand_as(x)
    assert (holed.abs() <= (0.5 / 255 / data.std)[:, None, None] + 1e-6)[in_a_hole].all()


def test_shift_and_rotation_of_nothing_is_the_image() -> None:
    data, still = some_data(), RecipeSpec(batch_size=21, augmentation=Augmentation.NONE)
    ((x, _),) = epoch_of(data, still)
    ((same, _),) = epoch_of(data, replace(still, augmentation=Augmentation.SHIFT_ROTATE, crop_padding=0, rotation=0.0))
    ((turned, _),) = epoch_of(data, replace(still, augmentation=Augmentation.SHIFT_ROTATE, crop_padding=1))
    assert torch.equal(same, x)
    assert (turned != x).flatten(1).any(1).all()


@pytest.mark.cuda
@pytest.mark.parametrize("augmentation", Augmentation)
def test_a_gpu_sees_the_batches_a_cpu_sees(augmentation: Augmentation) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    cuda, data, recipe = torch.device("cuda"), some_data(), RecipeSpec(batch_size=5, augmentation=augmentation)
    there = ImageData(
        name=data.name,
        train=data.train.to(cuda),
        val=data.val.to(cuda),
        test=data.test.to(cuda),
        mean=data.mean.to(cuda),
        std=data.std.to(cuda),
        sha256="",
        classes=data.classes,
    )
    for (x, y), (on_gpu, labels) in zip(epoch_of(data, recipe), epoch_of(there, recipe), strict=True):
        assert on_gpu.is_contiguous(memory_format=torch.channels_last)
        # An interpolated pixel may fall on the other side of a rounding.
        slack = {"rtol": 0, "atol": 1.01 / 255 / 0.2} if augmentation == Augmentation.SHIFT_ROTATE else {}
        torch.testing.assert_close(on_gpu.cpu(), x, **slack)
        assert torch.equal(labels.cpu(), y)
