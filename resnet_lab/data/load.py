"""Loading data: `resolve` looks into a folder, `ensure` verifies before anything is written, `load` reads."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resnet_lab.data import sources
from resnet_lab.data.catalog import NO_IMAGES, info_of, train_images
from resnet_lab.data.class_names import CLASS_NAMES
from resnet_lab.data.photographs.listing import Part
from resnet_lab.data.raw import RawImages
from resnet_lab.data.split import split_indices
from resnet_lab.data.statistics import digest, normalisation
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec
from resnet_lab.spec.choices import PHOTOGRAPHS, has_contents, is_of_arrays
from resnet_lab.spec.fields import flatten, unflatten

if TYPE_CHECKING:  # torch is imported by `load` alone
    import torch
    from numpy.typing import NDArray

    from resnet_lab.data.images import ImageData, Images
    from resnet_lab.data.own.arrays import OwnArrays


def resolve(spec: DataSpec, data_dir: Path | None = None) -> DataSpec:
    """Return the spec with `contents` of its folder, file or callable; other sets as they are.

    A folder's images are decoded into the cache, since which of them are readable is part of the answer. Raises
    UserError where there is no set.
    """
    if not has_contents(spec.name) or spec.contents:
        return spec
    found = arrays(spec, data_dir) if is_of_arrays(spec.name) else sources.photographs(spec, data_dir)
    return replace(spec, contents=str(found.contents()))


def arrays(spec: DataSpec, data_dir: Path | None) -> OwnArrays:
    """Return the arrays of a file, or of a callable. Raises UserError where there are none."""
    from resnet_lab.data.own.called import call
    from resnet_lab.data.own.npz import read_npz

    if spec.name != DatasetName.ARRAYS:
        return call(spec.name)
    if data_dir is None:
        raise UserError(NO_IMAGES[spec.name])
    return read_npz(data_dir)


def take_arrays(spec: DataSpec, given: object) -> tuple[DataSpec, ImageData]:
    """Return the images that are handed over, split as the spec asks, and the spec with their name and `contents`.

    `given` is a mapping of arrays, a torch Dataset, or a tuple of Datasets or of (images, labels), training and test
    images. Raises UserError for anything else.
    """
    from resnet_lab.data.own.called import arrays_of

    found = arrays_of(given, "data")
    named = {"name": DatasetName.ARRAYS, "contents": str(found.contents())}
    resolved = unflatten(DataSpec, flatten(spec) | named)
    return resolved, _as_data(resolved, _split_arrays(resolved, found))


def ensure(spec: DataSpec, data_dir: Path | None = None) -> None:
    """Verify that every file of the set is there and intact, without importing torch.

    With no `data_dir` the set is downloaded into the cache on first use (the digits never are); a `data_dir`
    is only read. Photographs are decoded; files that hold no image are named on stderr. Raises UserError naming the
    file at fault and the remedy.
    """
    if is_of_arrays(spec.name):
        resolved = resolve(spec, data_dir)
        arrays(resolved, data_dir).split(resolved)
        train_images(resolved)
    elif spec.name in PHOTOGRAPHS:
        from resnet_lab.data.photographs.read import split

        found = sources.photographs(spec, data_dir)
        print(*found.report(), sep="\n", end="\n" if found.unreadable else "", file=sys.stderr)
        resolved = resolve(spec, data_dir)
        split(resolved, found)
        train_images(resolved)
    else:
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
    if is_of_arrays(spec.name):
        resolved = resolve(spec, data_dir)
        return _as_data(resolved, _split_arrays(resolved, arrays(resolved, data_dir)))
    return _as_data(
        spec, _read_photographs(spec, data_dir) if spec.name in PHOTOGRAPHS else _read_fixed(spec, data_dir)
    )


def _as_data(spec: DataSpec, read: _Read) -> ImageData:
    import torch

    from resnet_lab.data.images import ImageData

    mean, std = normalisation(read.train.pixels, spec.normalise, spec.name)
    return ImageData(
        name=spec.name,
        train=_tensors(read.train),
        val=_tensors(read.val),
        test=_tensors(read.test),
        mean=torch.tensor(mean, dtype=torch.float32),
        std=torch.tensor(std, dtype=torch.float32),
        sha256=digest((read.train, read.val, read.test)),
        classes=len(read.class_names),
        normalise=spec.normalise,
        margin=read.margin,
        side=spec.size,
        class_names=read.class_names,
        unreadable=read.unreadable,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """The parts of a set, as they are stored."""

    train: RawImages
    val: RawImages
    test: RawImages
    class_names: tuple[str, ...]
    margin: int = 0
    unreadable: tuple[str, ...] = ()


def _read_fixed(spec: DataSpec, data_dir: Path | None) -> _Read:
    wanted = train_images(spec)
    rest, test = sources.read(spec.name, data_dir)
    train_index, val_index = split_indices(len(rest.labels), info_of(spec).val, spec.split)
    trained = np.concatenate([train_index, val_index]) if spec.trainval else train_index
    parts = [_take(rest, trained[:wanted]), _take(rest, val_index), test]
    train, val, test = map(_in_colour, parts) if spec.rgb else parts
    return _Read(train=train, val=val, test=test, class_names=CLASS_NAMES[spec.name])


def _in_colour(images: RawImages) -> RawImages:
    """Return grey images with their channel three times."""
    return RawImages(images.pixels.repeat(3, axis=3), images.labels)


def _split_arrays(spec: DataSpec, found: OwnArrays) -> _Read:
    parts = found.split(spec)
    train = _take(parts[Part.TRAIN], np.arange(train_images(spec)))
    images = (train, parts[Part.VAL], parts[Part.TEST])
    train, val, test = map(_in_colour, images) if spec.rgb else images
    return _Read(train=train, val=val, test=test, class_names=found.class_names)


def _read_photographs(spec: DataSpec, data_dir: Path | None) -> _Read:
    from resnet_lab.data.photographs.read import margin_of, split

    found = sources.photographs(spec, data_dir)
    resolved = resolve(spec, data_dir)
    wanted, parts = train_images(resolved), split(resolved, found)
    train = parts[Part.TRAIN]
    return _Read(
        train=RawImages(train.pixels[:wanted], train.labels[:wanted]),
        val=parts[Part.VAL],
        test=parts[Part.TEST],
        class_names=found.listing.classes,
        margin=margin_of(spec),
        unreadable=tuple(f"{name}: {reason}" for name, reason in found.unreadable.items()),
    )


def _take(images: RawImages, index: NDArray[np.int64]) -> RawImages:
    return RawImages(images.pixels[index], images.labels[index])


def _tensors(images: RawImages) -> Images:
    import torch

    from resnet_lab.data.images import Images

    # A tensor must own writable memory, and an array over the bytes of a file is neither.
    pixels = np.require(images.pixels, requirements=["C", "W"])
    return Images(torch.from_numpy(pixels), torch.from_numpy(images.labels))
