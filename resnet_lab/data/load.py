"""Loading data: `ensure` verifies it before anything is written, `load` reads it in the process that trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from resnet_lab.data import sources
from resnet_lab.data.catalog import CATALOG, train_images
from resnet_lab.data.raw import RawImages
from resnet_lab.data.split import split_indices
from resnet_lab.data.statistics import digest, normalisation
from resnet_lab.spec import DataSpec

if TYPE_CHECKING:  # torch is imported by `load` alone
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from resnet_lab.data.images import ImageData, Images


def ensure(spec: DataSpec, data_dir: Path | None = None) -> None:
    """Verify that every file of the set is there and intact, without importing torch.

    With no `data_dir` the set is downloaded into the cache on first use (the digits never are); a `data_dir`
    is only read. Raises UserError naming the file at fault and the remedy.
    """
    train_images(spec)
    sources.verify(spec.name, data_dir)


_kept: dict[tuple[DataSpec, Path | None], ImageData] = {}


def keep(spec: DataSpec, data_dir: Path | None = None) -> ImageData:
    """Load a set once for this process and all that are forked from it: `load` then costs them nothing.

    Raises UserError as `ensure` does.
    """
    _kept[spec, data_dir] = load(spec, data_dir)
    return _kept[spec, data_dir]


def load(spec: DataSpec, data_dir: Path | None = None, device: torch.device | str = "cpu") -> ImageData:
    """Read, verify and split a set, and put it on a device as uint8 [N, H, W, C]; what is kept is not read again.

    The training part is the first `spec.train_images` images of the fixed split, or all of it. Raises
    UserError as `ensure` does.
    """
    data = _kept.get((spec, data_dir))
    return (data if data is not None else _read(spec, data_dir)).to(device)


def _read(spec: DataSpec, data_dir: Path | None) -> ImageData:
    import torch

    from resnet_lab.data.images import ImageData

    wanted = train_images(spec)
    info = CATALOG[spec.name]
    rest, test = sources.read(spec.name, data_dir)
    train_index, val_index = split_indices(len(rest.labels), info.val, spec.split)
    train, val = _take(rest, train_index[:wanted]), _take(rest, val_index)
    mean, std = normalisation(train.pixels, spec.normalise)
    return ImageData(
        name=spec.name,
        train=_tensors(train),
        val=_tensors(val),
        test=_tensors(test),
        mean=torch.tensor(mean, dtype=torch.float32),
        std=torch.tensor(std, dtype=torch.float32),
        sha256=digest((train, val, test)),
        classes=info.classes,
        normalise=spec.normalise,
    )


def _take(images: RawImages, index: NDArray[np.int64]) -> RawImages:
    return RawImages(images.pixels[index], images.labels[index])


def _tensors(images: RawImages) -> Images:
    import numpy as np
    import torch

    from resnet_lab.data.images import Images

    # A tensor must own writable memory, and an array over the bytes of a file is neither.
    pixels = np.require(images.pixels, requirements=["C", "W"])
    return Images(torch.from_numpy(pixels), torch.from_numpy(images.labels))
