"""Decoding: the squares of torchvision's transforms, every mode of colour, and files that hold no image."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from resnet_lab.data.photographs.decode import UnreadableError, decode
from resnet_lab.spec import Resize
from tests.resnet_lab.data.photographs.conftest import write_image


@pytest.mark.parametrize("size", [(40, 31), (31, 40), (9, 7), (16, 16)])
def test_a_crop_is_the_one_of_torchvisions_resize_and_center_crop(size: tuple[int, int], tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", 0, size)
    theirs = transforms.Compose([transforms.Resize(16), transforms.CenterCrop(16)])(Image.open(tmp_path / "1.png"))
    assert np.array_equal(decode(tmp_path / "1.png", 16, Resize.CROP), np.asarray(theirs))


def test_stretch_scales_both_sides(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", 0, (40, 20))
    theirs = transforms.Resize((16, 16))(Image.open(tmp_path / "1.png"))
    assert np.array_equal(decode(tmp_path / "1.png", 16, Resize.STRETCH), np.asarray(theirs))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_every_mode_of_colour_becomes_rgb(mode: str, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (200, 200, 200)).convert(mode if mode != "I;16" else "I").convert(mode).save(
        tmp_path / "1.png"
    )
    pixels = decode(tmp_path / "1.png", 4, Resize.CROP)
    assert pixels.shape == (4, 4, 3)
    assert pixels.dtype == np.uint8


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8), (10, 20, 30)).quantize(2)
    image.save(tmp_path / "1.png", transparency=bytes([0] * 256))
    assert decode(tmp_path / "1.png", 4, Resize.CROP).reshape(-1, 3).tolist() == [[10, 20, 30]] * 16


def test_a_file_that_holds_no_image_has_a_reason(tmp_path: Path) -> None:
    write_image(tmp_path / "whole.jpg", 0, (64, 64))
    content = (tmp_path / "whole.jpg").read_bytes()
    faults = {"empty.jpg": b"", "text.jpg": b"no image", "short.jpg": content[: len(content) // 2]}
    for name, damaged in faults.items():
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(UnreadableError, match=r"cannot identify image file|truncated"):
            decode(tmp_path / name, 8, Resize.CROP)
