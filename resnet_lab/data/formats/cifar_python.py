"""CIFAR-10 and CIFAR-100 as torchvision lays them out: the official pickles, with the MD5s it lists."""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resnet_lab.data.files import KnownFile, find_folder, read_known
from resnet_lab.data.raw import RawImages, interleave


@dataclass(frozen=True, slots=True, kw_only=True)
class PickledSet:
    """Where the pickles lie, which there are, and under which key each keeps its labels."""

    folder: str
    train: tuple[KnownFile, ...]
    test: tuple[KnownFile, ...]
    labels: str


CIFAR10 = PickledSet(
    folder="cifar-10-batches-py",
    train=(
        KnownFile(name="data_batch_1", digest="c99cafc152244af753f735de768cd75f"),
        KnownFile(name="data_batch_2", digest="d4bba439e000b95fd0a9bffe97cbabec"),
        KnownFile(name="data_batch_3", digest="54ebc095f3ab1f0389bbae665268c751"),
        KnownFile(name="data_batch_4", digest="634d18415352ddfa80567beed471001a"),
        KnownFile(name="data_batch_5", digest="482c414d41f54cd18b22e5b47cb7c3cb"),
    ),
    test=(KnownFile(name="test_batch", digest="40351d587109b95175f43aff81a1287e"),),
    labels="labels",
)
CIFAR100 = PickledSet(
    folder="cifar-100-python",
    train=(KnownFile(name="train", digest="16019d7e3df5f24257cddd939b257f8d"),),
    test=(KnownFile(name="test", digest="f0ef6b0ae62326f3e7ffdfab6717acfc"),),
    labels="fine_labels",
)


def find(data_dir: Path, layout: PickledSet) -> Path | None:
    """Return the folder of the pickles, below `data_dir` or `data_dir` itself, or None."""
    return find_folder(data_dir, layout.folder, (*layout.train, *layout.test))


def read(folder: Path, layout: PickledSet) -> tuple[RawImages, RawImages]:
    """Return (training images, test images). Raises UserError naming a faulty file before unpickling it."""
    return _read(folder, layout.train, layout.labels), _read(folder, layout.test, layout.labels)


def verify(folder: Path, layout: PickledSet) -> None:
    """Check the MD5 of every pickle. Raises UserError naming the first faulty one."""
    for file in (*layout.train, *layout.test):
        read_known(folder, file)


def _read(folder: Path, files: tuple[KnownFile, ...], key: str) -> RawImages:
    entries = [_Unpickler(io.BytesIO(read_known(folder, file)), encoding="latin1").load() for file in files]
    pixels = np.concatenate([interleave(entry["data"]) for entry in entries])
    labels = np.concatenate([np.asarray(entry[key], dtype=np.int64) for entry in entries])
    return RawImages(pixels, labels)


class _Unpickler(pickle.Unpickler):
    """The pickles are of Python 2 and call `dtype("u1", 0, 1)`, whose integer flags NumPy has deprecated."""

    def find_class(self, module: str, name: str) -> Any:
        return _dtype if (module, name) == ("numpy", "dtype") else super().find_class(module, name)


def _dtype(kind: str, align: int, copy: int) -> np.dtype[Any]:
    return np.dtype(kind, align=bool(align), copy=bool(copy))
