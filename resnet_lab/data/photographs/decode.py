"""Decoding of image files with Pillow: any mode and shape to RGB squares of one side."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resnet_lab.spec import Resize


class UnreadableError(ValueError):
    """A file that holds no image."""


def decode(path: Path, side: int, how: Resize) -> NDArray[np.uint8]:
    """Return an image file as uint8 [side, side, 3]; bilinear and smoothed, as torchvision's Resize and CenterCrop.

    Raises UnreadableError, with the reason, where Pillow cannot read it.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(_square(_rgb(image), side, how))
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).replace(str(path), path.name).split()) or type(error).__name__
        raise UnreadableError(reason) from None


def _rgb(image: Image.Image) -> Image.Image:
    """Return the (first) picture in RGB; what is transparent shows what lies under it."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns where a palette's transparency is dropped at once
    return image.convert("RGB")


def _square(image: Image.Image, side: int, how: Resize) -> Image.Image:
    if how == Resize.STRETCH:
        return image.resize((side, side), Image.Resampling.BILINEAR)
    width, height = image.size
    scale = side / min(width, height)
    width, height = max(side, int(width * scale)), max(side, int(height * scale))
    left, top = round((width - side) / 2), round((height - side) / 2)
    scaled = image.resize((width, height), Image.Resampling.BILINEAR)
    return scaled.crop((left, top, left + side, top + side))
