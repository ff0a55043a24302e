"""A folder of small photographs of three classes, and the cache that they are decoded into."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = ("cat", "dog", "owl")


def write_image(path: Path, seed: int, size: tuple[int, int] = (20, 14), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of decoded images, a new one for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "resnet-lab" / "images"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten images of each of three classes, of other modes, formats and depths of folder, and files that are none."""
    root = tmp_path / "animals"
    for label, name in enumerate(CLASSES):
        for index in range(10):
            suffix, mode = [("png", "RGB"), ("jpg", "L"), ("gif", "P"), ("png", "RGBA"), ("bmp", "1")][index % 5]
            inner = "inner/" if index == 9 else ""
            write_image(root / name / f"{inner}{index}.{suffix}", 10 * label + index, mode=mode)
    (root / "cat" / "notes.txt").write_text("not an image")
    (root / "cat" / ".hidden.png").write_bytes(b"neither")
    return root
