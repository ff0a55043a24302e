"""Batched augmentation of uint8 images [N, H, W, C], drawn per image: a pure function of (seed, epoch)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_lab.data.catalog import steps_per_epoch
from resnet_lab.data.images import ImageData, Images
from resnet_lab.seeds import stream
from resnet_lab.spec import Augmentation, RecipeSpec

_CROPS = (Augmentation.CROP, Augmentation.CROP_FLIP)
_FLIPS = (Augmentation.FLIP, Augmentation.CROP_FLIP)


@dataclass(frozen=True, slots=True)
class Draws:
    """One epoch, each [n]: image i is `order[i]`, cropped at `dy[i]`, `dx[i]`, flipped if `flip[i]`."""

    order: Tensor
    dy: Tensor
    dx: Tensor
    flip: Tensor

    def to(self, device: torch.device) -> "Draws":
        """Return the draws on a device."""
        return Draws(self.order.to(device), self.dy.to(device), self.dx.to(device), self.flip.to(device))


def padding_of(recipe: RecipeSpec) -> int:
    """Return the pixels to pad on each side: `crop_padding` where the recipe crops, else 0."""
    return recipe.crop_padding if recipe.augmentation in _CROPS else 0


def draw(n: int, recipe: RecipeSpec, *, seed: int, epoch: int) -> Draws:
    """Draw an epoch of `n` images on the CPU: int64 order, dy and dx (0 .. 2 x padding), bool flip.

    Order, crop and flip have streams of their own, so switching one off leaves the others as they were.
    """
    crops = stream(seed, "augmentation", epoch, "crop")
    corners = torch.randint(2 * padding_of(recipe) + 1, (2, n), generator=crops)
    if recipe.augmentation in _FLIPS:
        mirrored = torch.randint(2, (n,), generator=stream(seed, "augmentation", epoch, "flip")).bool()
    else:
        mirrored = torch.zeros(n, dtype=torch.bool)
    order = torch.randperm(n, generator=stream(seed, "order", epoch))
    return Draws(order, corners[0], corners[1], mirrored)


def pad(images: Images, padding: int, mean: Tensor) -> Tensor:
    """Return uint8 [N, H + 2 padding, W + 2 padding, C] with a border of the grey nearest to `mean` [C].

    He et al. pad with zeros after the mean was subtracted. On raw pixels that is a border of the mean itself.
    """
    if padding == 0:
        return images.pixels
    n, height, width, channels = images.pixels.shape
    grey = (255 * mean).round().to(torch.uint8)
    padded = grey.expand(n, height + 2 * padding, width + 2 * padding, channels).contiguous()
    padded[:, padding : padding + height, padding : padding + width] = images.pixels
    return padded


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

    Computed in float32 along whole rows of W x C numbers, six times as fast as by channel, then rounded.
    """
    batch, height, width, channels = pixels.shape
    scale, shift = (1 / (255 * std)).repeat(width), (-mean / std).repeat(width)
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

    They lie on the device of the data. `padded` is `pad(data.train, padding_of(recipe), data.mean)`, made
    once a run. The draws move to the device once an epoch, and nothing waits for it after that. Raises
    UserError, at the call, where a batch exceeds the training images.
    """
    steps = steps_per_epoch(len(data.train), recipe.batch_size)
    draws = draw(len(data.train), recipe, seed=seed, epoch=epoch).to(data.train.pixels.device)
    return (_batch(data, draws, step * recipe.batch_size, recipe.batch_size, padded, dtype) for step in range(steps))


def _batch(
    data: ImageData, draws: Draws, start: int, size: int, padded: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    part = slice(start, start + size)
    side = data.train.pixels.shape[1]
    cropped = crop(padded, draws.order[part], draws.dy[part], draws.dx[part], side)
    pixels = flip(cropped, draws.flip[part])
    return normalise(pixels, data.mean, data.std, dtype), data.train.labels[draws.order[part]]
