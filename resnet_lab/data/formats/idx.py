"""MNIST and Fashion-MNIST in torchvision's layout: IDX files (yann.lecun.com/exdb/mnist), plain or gzipped.

The folder is only read, never written: an extracted copy is not needed where the `.gz` lies.
"""

import gzip
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resnet_lab.data.files import (
    REMEDY,
    KnownFile,
    check_digest,
    check_size,
    read_bytes,
    read_known,
)
from resnet_lab.data.raw import RawImages
from resnet_lab.errors import UserError

CLASSES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class IdxFile:
    """One array of bytes: its shape, the MD5 of the `.gz`, and the SHA-256 of the plain file if known."""

    name: str
    shape: tuple[int, ...]
    gz_md5: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdxSet:
    """The four files of a set and the folder they lie in, below the data folder."""

    folder: str
    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile


_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"

MNIST = IdxSet(
    folder="MNIST/raw",
    train_images=IdxFile(
        name=f"train-{_IMAGES}",
        shape=(60_000, 28, 28),
        gz_md5="f68b3c2dcbeaaa9fbdd348bbdeb94873",
        sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    train_labels=IdxFile(
        name=f"train-{_LABELS}",
        shape=(60_000,),
        gz_md5="d53e105ee54ea40749a09fcbcd1e9432",
        sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    test_images=IdxFile(
        name=f"t10k-{_IMAGES}",
        shape=(10_000, 28, 28),
        gz_md5="9fb629c4189551a2d022fa330f9573f3",
        sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    test_labels=IdxFile(
        name=f"t10k-{_LABELS}",
        shape=(10_000,),
        gz_md5="ec29112dd5afa0611ce80d1b7f02629c",
        sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
FASHION_MNIST = IdxSet(
    folder="FashionMNIST/raw",
    train_images=IdxFile(name=f"train-{_IMAGES}", shape=(60_000, 28, 28), gz_md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    train_labels=IdxFile(name=f"train-{_LABELS}", shape=(60_000,), gz_md5="25c81989df183df01b3e8a0aad5dffbe"),
    test_images=IdxFile(name=f"t10k-{_IMAGES}", shape=(10_000, 28, 28), gz_md5="bef4ecab320f06d8554ea6380940ec79"),
    test_labels=IdxFile(name=f"t10k-{_LABELS}", shape=(10_000,), gz_md5="bb300cfdad3c16e7a12a480ee83cd310"),
)


def read(data_dir: Path, files: IdxSet) -> tuple[RawImages, RawImages]:
    """Return (60,000 training images, 10,000 test images), verified. Raises UserError naming the bad file."""
    folder = data_dir / files.folder
    train = _part(folder, files.train_images, files.train_labels)
    return train, _part(folder, files.test_images, files.test_labels)


def _part(folder: Path, images: IdxFile, labels: IdxFile) -> RawImages:
    classes = _array(folder, labels)
    if classes.max() >= CLASSES:
        raise UserError(f"{folder / labels.name} is altered, it holds labels above {CLASSES - 1}: {REMEDY}")
    return RawImages(_array(folder, images)[..., None], classes.astype(np.int64))


def _array(folder: Path, file: IdxFile) -> NDArray[np.uint8]:
    """Verify each copy that is there, plain and gzipped, and return the array.

    A plain file whose digest nobody published is believed next to the `.gz` that it came from.
    """
    plain, packed = folder / file.name, folder / f"{file.name}.gz"
    unpacked = None
    if packed.exists():
        unpacked = gzip.decompress(read_known(folder, KnownFile(name=packed.name, digest=file.gz_md5)))
        if not plain.exists():
            return _decode(packed, unpacked, file.shape)
    content = read_bytes(plain)
    array = _decode(plain, content, file.shape)
    if file.sha256:
        check_digest(plain, content, "sha256", file.sha256)
    elif unpacked is None:
        raise UserError(
            f"{plain} cannot be verified, its checksum was published of {packed.name} alone: put that there"
        )
    if unpacked is not None and content != unpacked:
        raise UserError(f"{plain} is altered, it differs from the content of {packed.name}: {REMEDY}")
    return array


def _decode(path: Path, content: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Check header (two zeros, 8 for bytes, the rank, each extent as a big-endian uint32) and length."""
    header = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
    check_size(path, content, len(header) + prod(shape))
    if not content.startswith(header):
        raise UserError(f"{path} is altered, it does not begin as an IDX file of {shape} bytes: {REMEDY}")
    return np.frombuffer(content, dtype=np.uint8, offset=len(header)).reshape(shape)
