"""Sources of the image sets: where the files lie, and which reader takes them. Imports torch only to download."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from resnet_lab.data import digits
from resnet_lab.data.catalog import NO_IMAGES
from resnet_lab.data.download import download
from resnet_lab.data.formats import cifar_binary, cifar_python, idx
from resnet_lab.data.raw import RawImages
from resnet_lab.data.statistics import digest
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec
from resnet_lab.spec.choices import PHOTOGRAPHS
from resnet_lab.system.cache import cache_dir

if TYPE_CHECKING:  # Pillow is imported where there are photographs
    from resnet_lab.data.photographs.read import Photographs

PIXELS = {DatasetName.CIFAR10: "6b3883dca6c867f1e58def548c063d1865569b8575fcbce06b3e468a89f9895a"}
"""SHA-256 of pixels and labels, of the 50,000 images and of the 10,000, as `statistics.digest` forms it."""
Parts = tuple[RawImages, RawImages]
Result = TypeVar("Result")


def read(name: DatasetName, data_dir: Path | None) -> Parts:
    """Return (training and validation images, test images), verified. Raises UserError."""
    return _with_files(name, data_dir, lambda folder: _source(name, folder)[0]())


def verify(name: DatasetName, data_dir: Path | None) -> None:
    """Raise UserError unless each file of the set is there and intact; download where no folder is given.

    Of photographs the lists are read, and whether there are files, not what is in them.
    """
    if name in PHOTOGRAPHS:
        from resnet_lab.data.photographs.torchvision_sets import list_set

        _with_files(name, data_dir, lambda folder: list_set(name, folder).require_files())
        return
    _with_files(name, data_dir, lambda folder: _source(name, folder)[1]())


def photographs(spec: DataSpec, data_dir: Path | None) -> Photographs:
    """Return the decoded images of a set of photographs, decoded and downloaded where need be. Raises UserError."""
    from resnet_lab.data.photographs.listing import list_folder
    from resnet_lab.data.photographs.read import decoded
    from resnet_lab.data.photographs.torchvision_sets import list_set

    if spec.name != DatasetName.FOLDER:
        return _with_files(spec.name, data_dir, lambda folder: decoded(spec, list_set(spec.name, folder)))
    if data_dir is None:
        raise UserError(NO_IMAGES[DatasetName.FOLDER])
    return _with_files(spec.name, data_dir, lambda folder: decoded(spec, list_folder(folder)))


def _with_files(name: DatasetName, data_dir: Path | None, use: Callable[[Path], Result]) -> Result:
    if data_dir is not None:
        try:
            return use(_existing(data_dir))
        except OSError as error:  # such as a folder that may not be entered
            reason = f"cannot be used ({error.strerror})"
            raise UserError(f"the data folder {data_dir} {reason}: give --data-dir another one") from None
    folder = _kept(name)
    try:
        return use(folder)
    except UserError:  # nothing there yet, or what an interrupted download left
        download(name, folder)
        _require_pixels(name, folder)
        return use(folder)


def _require_pixels(name: DatasetName, folder: Path) -> None:
    """Raise UserError where the images that were fetched, from whichever mirror and edition, are not those known."""
    expected = PIXELS.get(name)
    if expected is not None and digest(_source(name, folder)[0]()) != expected:
        raise UserError(
            f"{name} as it was fetched to {folder} has other pixels or labels than the official set: remove it there, "
            "and give --data-dir a folder that holds it"
        )


def _kept(name: DatasetName) -> Path:
    """Return where downloads are kept. Every file there is verified against its published digest when it is read."""
    if name == DatasetName.DIGITS:  # installed, and never looked for elsewhere
        return Path()
    try:
        return cache_dir("data")
    except OSError as error:
        raise UserError(f"{name} cannot be kept ({error}), or give --data-dir a folder that holds it") from None


def _existing(data_dir: Path) -> Path:
    if not data_dir.exists():
        raise UserError(f"the data folder {data_dir} does not exist: correct --data-dir, or leave it out to download")
    if not data_dir.is_dir():
        raise UserError(f"the data folder {data_dir} is a file: give --data-dir the folder of the set")
    return data_dir


def _source(name: DatasetName, folder: Path) -> tuple[Callable[[], Parts], Callable[[], object]]:
    """Return (read, verify) of a set for the layout found in the folder."""
    if name == DatasetName.DIGITS:
        return digits.read, digits.verify
    if name in (DatasetName.MNIST, DatasetName.FASHION_MNIST):
        # Reading is the check, and takes a quarter of a second.
        read_idx = partial(idx.read, folder, idx.MNIST if name == DatasetName.MNIST else idx.FASHION_MNIST)
        return read_idx, read_idx
    if name == DatasetName.CIFAR10 and (binary := cifar_binary.find(folder)):
        return partial(cifar_binary.read, binary), partial(cifar_binary.verify, binary)
    layout = cifar_python.CIFAR10 if name == DatasetName.CIFAR10 else cifar_python.CIFAR100
    if pickles := cifar_python.find(folder, layout):
        return partial(cifar_python.read, pickles, layout), partial(cifar_python.verify, pickles, layout)
    raise UserError(_nothing_found(name, folder, layout.folder))


def _nothing_found(name: DatasetName, folder: Path, python_folder: str) -> str:
    wanted = f"{cifar_binary.FOLDER} or {python_folder}" if name == DatasetName.CIFAR10 else python_folder
    return f"{folder} holds no {name}: give --data-dir a folder with {wanted}, or leave it out to download"
