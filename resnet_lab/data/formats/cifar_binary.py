"""CIFAR-10 in its official binary version (https://www.cs.toronto.edu/~kriz/cifar.html).

A record has 3073 bytes: the label, then 1024 red, 1024 green and 1024 blue values of a 32x32 image.
"""

from pathlib import Path

import numpy as np

from resnet_lab.data.files import KnownFile, find_folder, read_known
from resnet_lab.data.raw import RawImages, interleave

FOLDER = "cifar-10-batches-bin"
RECORD = 1 + 3 * 32 * 32


def _batch(name: str, sha1: str) -> KnownFile:
    return KnownFile(name=name, digest=sha1, algorithm="sha1", size=10_000 * RECORD)


TRAIN = (
    _batch("data_batch_1.bin", "aadd24acce27caa71bf4b10992e9e7b2d74c2540"),
    _batch("data_batch_2.bin", "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795"),
    _batch("data_batch_3.bin", "1dd00a74ab1d17a6e7d73e185b69dbf31242f295"),
    _batch("data_batch_4.bin", "aab85764eb3584312d3c7f65fd2fd016e36a258e"),
    _batch("data_batch_5.bin", "26e2849e66a845b7f1e4614ae70f4889ae604628"),
)
TEST = (_batch("test_batch.bin", "67eb016db431130d61cd03c7ad570b013799c88c"),)


def find(data_dir: Path) -> Path | None:
    """Return the folder of the batches, below `data_dir` or `data_dir` itself, or None."""
    return find_folder(data_dir, FOLDER, (*TRAIN, *TEST))


def read(
    folder: Path, train: tuple[KnownFile, ...] = TRAIN, test: tuple[KnownFile, ...] = TEST
) -> tuple[RawImages, RawImages]:
    """Return (50,000 training images, 10,000 test images), verified. Raises UserError naming the bad file."""
    return _read(folder, train), _read(folder, test)


def verify(folder: Path) -> None:
    """Check size and SHA-1 of the six files. Raises UserError naming the first faulty one."""
    for file in (*TRAIN, *TEST):
        read_known(folder, file)


def _read(folder: Path, files: tuple[KnownFile, ...]) -> RawImages:
    batches = [np.frombuffer(read_known(folder, file), dtype=np.uint8).reshape(-1, RECORD) for file in files]
    pixels = np.concatenate([interleave(records[:, 1:]) for records in batches])
    return RawImages(pixels, np.concatenate([records[:, 0] for records in batches]).astype(np.int64))
