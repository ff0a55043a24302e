"""Batched augmentation of uint8 images [N, H, W, C], drawn per image: a pure function of (seed, epoch)."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from resnet_lab.data.catalog import steps_per_epoch
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
from resnet_lab.data.images import ImageData, Images
from resnet_lab.data.mixup import draw_mixes, mix
from resnet_lab.rng import stream
from resnet_lab.spec import Augmentation, RecipeSpec

_CROPS = (Augmentation.CROP, Augmentation.CROP_FLIP, Augmentation.CUTOUT)
_FLIPS = (Augmentation.FLIP, Augmentation.CROP_FLIP, Augmentation.CUTOUT, Augmentation.RESIZED_CROP_FLIP)
_RESIZED = (Augmentation.RESIZED_CROP, Augmentation.RESIZED_CROP_FLIP)


@dataclass(frozen=True, slots=True)
class Draws:
    """One epoch, each [n, ...]: image i is `order[i]`, cropped at `dy[i]`, `dx[i]`, flipped if `flip[i]`.

    Then it is warped by `affine[i]`, blanked around `centre[i]` or scaled from its part `box[i]`, and last mixed, in
    the share `share[i]` of it, with the image at place `partner[i]` of its mini-batch, where the recipe does so.
    """

    order: Tensor
    dy: Tensor
    dx: Tensor
    flip: Tensor
    affine: Tensor | None = None
    centre: Tensor | None = None
    box: Tensor | None = None
    partner: Tensor | None = None
    share: Tensor | None = None

    def to(self, device: torch.device) -> "Draws":
        """Return the draws on a device."""
        return self._each(lambda tensor: tensor.to(device))

    def part(self, images: slice | Tensor) -> "Draws":
        """Return the draws of some of the images: a slice, or indices int64 on the draws' device."""
        return self._each(lambda tensor: tensor[images])

    def copy_(self, other: "Draws") -> None:
        """Overwrite these draws, where they lie, with others of the same recipe."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine is not None:
                mine.copy_(theirs)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Draws":
        drawn = {field.name: getattr(self, field.name) for field in fields(self)}
        return Draws(**{name: change(tensor) for name, tensor in drawn.items() if tensor is not None})


def padding_of(recipe: RecipeSpec, margin: int = 0) -> int:
    """Return the pixels to pad on each side: `crop_padding` where the recipe crops images without a margin, else 0."""
    return recipe.crop_padding if recipe.augmentation in _CROPS and not margin else 0


def draw(n: int, recipe: RecipeSpec, *, seed: int, epoch: int, margin: int = 0) -> Draws:
    """Draw an epoch of `n` images on the CPU: int64 order, dy and dx (0 .. 2 x padding or margin), bool flip.

    Everything drawn has a stream of its own, so switching one off leaves the others as they were.
    """
    crops = stream(seed, "augmentation", epoch, "crop")
    if margin and recipe.augmentation not in _CROPS:
        corners = torch.full((2, n), margin)
    else:
        corners = torch.randint(2 * (margin or padding_of(recipe)) + 1, (2, n), generator=crops)
    if recipe.augmentation in _FLIPS:
        mirrored = torch.randint(2, (n,), generator=stream(seed, "augmentation", epoch, "flip")).bool()
    else:
        mirrored = torch.zeros(n, dtype=torch.bool)
    order = torch.randperm(n, generator=stream(seed, "order", epoch))
    affine = centre = box = partner = share = None
    if recipe.augmentation == Augmentation.SHIFT_ROTATE:
        shift, rotation = recipe.crop_padding, recipe.rotation
        affine = draw_affine(n, shift=shift, rotation=rotation, seed=seed, epoch=epoch)
    elif recipe.augmentation == Augmentation.CUTOUT:
        centre = draw_centres(n, seed=seed, epoch=epoch)
    elif recipe.augmentation in _RESIZED:
        box = draw_boxes(n, scale=recipe.crop_scale, seed=seed, epoch=epoch)
    if recipe.mixup:
        partner, share = draw_mixes(n, batch=recipe.batch_size, alpha=recipe.mixup, seed=seed, epoch=epoch)
    return Draws(order, corners[0], corners[1], mirrored, affine, centre, box, partner, share)


def pad(images: Images, padding: int, mean: Tensor) -> Tensor:
    """Return uint8 [N, H + 2 padding, W + 2 padding, C] with a border of the grey nearest to `mean` [C].

    He et al. pad with zeros after the mean was subtracted. On raw pixels that is a border of the mean itself.
    """
    return _with_border(images.pixels, padding, nearest_grey(mean))


def _with_border(pixels: Tensor, padding: int, grey: Tensor) -> Tensor:
    """Return [N, H + 2 padding, W + 2 padding, C] with a border of `grey` [C]."""
    if padding == 0:
        return pixels
    n, height, width, channels = pixels.shape
    padded = grey.expand(n, height + 2 * padding, width + 2 * padding, channels).contiguous()
    padded[:, padding : padding + height, padding : padding + width] = pixels
    return padded


_BORDER_LOCK = threading.Lock()


def bordered(data: ImageData, padding: int) -> Tensor:
    """Return the training images as `pad` makes them, kept with the data: trials packed into one process share them."""
    with _BORDER_LOCK:
        if padding not in data.bordered:
            data.bordered[padding] = pad(data.train, padding, data.channel_mean)
            if data.mean.is_cuda:  # made on this thread's stream, and read on others
                torch.cuda.current_stream(data.mean.device).synchronize()
        return data.bordered[padding]


def crop(padded: Tensor, index: Tensor, dy: Tensor, dx: Tensor, size: int) -> Tensor:
    """Return uint8 [B, size, size, C]: image `index[i]` of `padded` from row `dy[i]` and column `dx[i]` on.

    `padded` is contiguous [N, H, W, C]. A view that holds every possible crop is indexed, so each crop
    is copied as `size` contiguous rows and a batch is one call.
    """
    n, height, width, channels = padded.shape
    image, row = height * width * channels, width * channels
    shape = (n, height - size + 1, width - size + 1, size, size * channels)
    crops = padded.as_strided(shape, (image, row, channels, row, 1))
    return crops[index, dy, dx].view(-1, size, size, channels)


def flip(pixels: Tensor, mirrored: Tensor) -> Tensor:
    """Return [B, H, W, C] with left and right exchanged in the images where `mirrored` [B] is true."""
    return torch.where(mirrored[:, None, None, None], pixels.flip(2), pixels)


def normalise(pixels: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn uint8 [B, H, W, C] into (pixels / 255 - mean) / std, [B, C, H, W] of `dtype`, in channels_last.

    `mean` is [C], or one for each pixel, [H, W, C], or of each image, [B, H, W, C].
    Computed in float32 along whole rows of W x C numbers, six times as fast as by channel, then rounded.
    """
    return _scaled(pixels, *_row_scales(mean, std, pixels.shape[2]), dtype)


def scale_and_shift(data: ImageData) -> tuple[Tensor, Tensor]:
    """Return what `make_batch` multiplies a row of pixels by, and then adds, float32 [W x C] each: for many batches."""
    return _row_scales(data.mean, data.std, data.size)


def _row_scales(mean: Tensor, std: Tensor, width: int) -> tuple[Tensor, Tensor]:
    scale, shift = (1 / (255 * std)).repeat(width), -mean / std
    return scale, shift.repeat(width) if shift.ndim == 1 else shift.flatten(-2)


def _scaled(pixels: Tensor, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> Tensor:
    batch, height, width, channels = pixels.shape
    rows = pixels.reshape(batch, height, width * channels).float().mul_(scale).add_(shift)
    return rows.to(dtype).view(batch, height, width, channels).permute(0, 3, 1, 2)


def batches(
    data: ImageData,
    recipe: RecipeSpec,
    *,
    seed: int,
    epoch: int,
    padded: Tensor,
    dtype: torch.dtype = torch.float32,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Return the full batches of one epoch: x [B, C, H, W] of `dtype`, channels_last, and y int64 [B].

    Under mixup, y holds the share of each class, float32 [B, classes]. They lie on the device of the data. `padded` is
    `bordered(data, padding_of(recipe, data.margin))`. The draws move to the device once per epoch, and nothing waits
    for it after that. Raises UserError, at the call, where a batch exceeds the training images.
    """
    steps = steps_per_epoch(len(data.train), recipe.batch_size)
    drawn = draw(len(data.train), recipe, seed=seed, epoch=epoch, margin=data.margin)
    draws = drawn.to(data.train.pixels.device)
    parts = (draws.part(slice(step * recipe.batch_size, (step + 1) * recipe.batch_size)) for step in range(steps))
    return (make_batch(data, part, recipe, padded, dtype) for part in parts)


def make_batch(
    data: ImageData,
    draws: Draws,
    recipe: RecipeSpec,
    padded: Tensor,
    dtype: torch.dtype,
    scales: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return x and y of drawn images, as `batches` does. Nothing in it waits for the device, so it can be captured.

    `scales` are those of `scale_and_shift(data)`, where one mean serves all pixels and they are at hand.
    """
    pixels = _distorted(padded, draws.order, draws, recipe, data)
    if scales is not None:
        x = _scaled(pixels, *scales, dtype)
    else:
        mean = data.mean if data.mean.ndim == 1 else _moved_mean(data, draws, recipe)
        x = normalise(pixels, mean, data.std, dtype)
    y = data.train.labels[draws.order]
    if draws.partner is None or draws.share is None:
        return x, y
    return mix(x, y, draws.partner, draws.share, data.classes)


def first_batch(data: ImageData, recipe: RecipeSpec, draws: Draws, padded: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pixels uint8 [B, H, W, C] and labels int64 [B] of an epoch's first mini-batch.

    They are as augmented, before normalisation and mixup. `draws` is the whole epoch's, on the CPU, where all of it is
    computed: the same bits on every device.
    """
    first = draws.part(slice(recipe.batch_size))
    images, here = first.order.to(padded.device), replace(data, mean=data.mean.cpu())
    pixels = _distorted(padded[images].cpu(), torch.arange(len(images)), first, recipe, here)
    return pixels, data.train.labels[images].cpu()


def _distorted(padded: Tensor, index: Tensor, draws: Draws, recipe: RecipeSpec, data: ImageData) -> Tensor:
    """Return images of `padded` as the draws crop, flip, warp, blank and scale them, at the set's size."""
    if draws.box is not None:  # drawn from all that is stored
        return resized_crop(flip(padded[index], draws.flip), draws.box, data.size)
    stored = data.train.pixels.shape[1] - 2 * data.margin
    pixels = flip(crop(padded, index, draws.dy, draws.dx, stored), draws.flip)
    if draws.affine is not None:
        pixels = warp(pixels, draws.affine, data.channel_mean)
    if draws.centre is not None:
        pixels = cutout(pixels, draws.centre, recipe.cutout_size, data.channel_mean)
    return resized(pixels, data.size)


def _moved_mean(data: ImageData, draws: Draws, recipe: RecipeSpec) -> Tensor:
    """Return each image's own mean, float32 [B, S, S, C]: the mean image, moved as the image was.

    The mean is subtracted before an image is cropped and distorted (He et al. 2015, section 4.2). Its border is the
    grey of the images' border, so that the border is zero afterwards, as theirs.
    """
    padded = _with_border(255 * data.mean[None], padding_of(recipe), nearest_grey(data.channel_mean).float())
    return _distorted(padded, torch.zeros_like(draws.order), draws, recipe, data) / 255
