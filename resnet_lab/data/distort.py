"""Distortions of uint8 images [B, S, S, C], drawn per image: shift and rotation, cutout, resized crop; resizing."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_lab.rng import stream


def nearest_grey(mean: Tensor) -> Tensor:
    """Return uint8 [C], the grey level nearest to `mean` [C] on the 0..1 scale."""
    return (255 * mean).round().to(torch.uint8)


def draw_affine(n: int, *, shift: int, rotation: float, seed: int, epoch: int) -> Tensor:
    """Draw float32 [n, 2, 3]: where each output pixel comes from, in (x, y) pixels from the centre.

    Uniform and continuous: up to `shift` pixels along each axis, up to `rotation` degrees about the centre, each from
    a stream of its own.
    """
    shifts = 2 * torch.rand(n, 2, generator=stream(seed, "augmentation", epoch, "shift")) - 1
    turns = 2 * torch.rand(n, generator=stream(seed, "augmentation", epoch, "rotation")) - 1
    angle = math.radians(rotation) * turns
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(n, 2, 2)
    return torch.cat([turn, (shift * shifts)[:, :, None]], dim=2)


def warp(pixels: Tensor, affine: Tensor, mean: Tensor) -> Tensor:
    """Return [B, S, S, C]: each image under its `affine` [B, 2, 3], bilinear, with a border of the mean grey.

    uint8 is rounded; a float, such as a mean of images, is not.
    """
    halves = affine.new_ones(3)  # torch measures from -1 to 1
    halves[2:].fill_(pixels.shape[1] / 2)  # filled where it lies: a copy from the host cannot be captured
    grey = nearest_grey(mean).float()
    images = (pixels.float() - grey).permute(0, 3, 1, 2)
    grid = F.affine_grid(affine / halves, list(images.shape), align_corners=False)
    warped = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return _like(pixels, warped.permute(0, 2, 3, 1) + grey)


def draw_centres(n: int, *, seed: int, epoch: int) -> Tensor:
    """Draw float32 [n, 2] in [0, 1): row and column of each hole's centre, as shares of the side."""
    return torch.rand(n, 2, generator=stream(seed, "augmentation", epoch, "cutout"))


def cutout(pixels: Tensor, centre: Tensor, side: int, mean: Tensor) -> Tensor:
    """Return [B, S, S, C] with a square of `side` pixels around each `centre` [B, 2] at the mean grey.

    The centre is any pixel, so part of the square may lie outside (DeVries and Taylor 2017, arXiv 1708.04552, 3.2).
    """
    size = pixels.shape[1]
    corner = (size * centre).long() - side // 2
    offset = torch.arange(size, device=pixels.device) - corner[:, :, None]  # [B, 2, S]
    inside = (offset >= 0) & (offset < side)
    hole = inside[:, 0, :, None] & inside[:, 1, None, :]
    return torch.where(hole[..., None], nearest_grey(mean).to(pixels.dtype), pixels)


_ASPECT = math.log(
    4 / 3
)  # arXiv 1409.4842, section 6: width over height of a crop, 3/4 to 4/3, as torchvision draws it
_TRIES = 10


def draw_boxes(n: int, *, scale: float, seed: int, epoch: int) -> Tensor:
    """Draw float32 [n, 2, 3]: which part of each image to keep, from an output's (x, y) in -1..1 to the image's.

    The area is uniform in `scale`..1 and the aspect ratio log-uniform in 3/4..4/3; of ten such draws the first that
    fits is taken, or else the whole image, as `torchvision.transforms.RandomResizedCrop` does. The place is uniform.
    """
    area = scale + (1 - scale) * torch.rand(n, _TRIES, generator=stream(seed, "augmentation", epoch, "area"))
    aspect = _ASPECT * (2 * torch.rand(n, _TRIES, generator=stream(seed, "augmentation", epoch, "aspect")) - 1)
    sides = torch.stack([(area * aspect.exp()).sqrt(), (area * (-aspect).exp()).sqrt()], dim=2)  # [n, tries, (x, y)]
    fits = (sides <= 1).all(2)
    first = sides[torch.arange(n), fits.int().argmax(1)]
    sides = torch.where(fits.any(1)[:, None], first, torch.ones(2))
    centre = (2 * torch.rand(n, 2, generator=stream(seed, "augmentation", epoch, "place")) - 1) * (1 - sides)
    return torch.cat([torch.diag_embed(sides), centre[:, :, None]], dim=2)


def resized_crop(pixels: Tensor, box: Tensor, size: int) -> Tensor:
    """Return [B, size, size, C]: the part `box` [B, 2, 3] of each image, bilinear; uint8 is rounded, a float is not."""
    images = pixels.float().permute(0, 3, 1, 2)
    grid = F.affine_grid(box, [*images.shape[:2], size, size], align_corners=False)
    parts = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return _like(pixels, parts.permute(0, 2, 3, 1))


def resized(pixels: Tensor, size: int) -> Tensor:
    """Return [B, size, size, C], bilinear, smoothed where it becomes smaller; images of that size as they are."""
    if pixels.shape[1] == size:
        return pixels
    images = pixels.float().permute(0, 3, 1, 2)
    scaled = F.interpolate(images, size=(size, size), mode="bilinear", antialias=size < pixels.shape[1])
    return _like(pixels, scaled.permute(0, 2, 3, 1))


def _like(pixels: Tensor, changed: Tensor) -> Tensor:
    """Return `changed` rounded to uint8 where `pixels` are."""
    return changed if pixels.is_floating_point() else changed.round().clamp(0, 255).to(torch.uint8)
