"""Distortions of uint8 images [B, S, S, C], drawn per image: shift and rotation, and cutout."""

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
    moved = warped.permute(0, 2, 3, 1) + grey
    return moved if pixels.is_floating_point() else moved.round().clamp(0, 255).to(torch.uint8)


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
