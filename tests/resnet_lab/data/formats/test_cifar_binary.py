"""CIFAR-10's binary version: records, damaged files, and the published files."""

from collections.abc import Callable
from hashlib import sha1
from pathlib import Path

import numpy as np
import pytest

from resnet_lab.data.files import KnownFile
from resnet_lab.data.formats import cifar_binary

Complaint = Callable[[Path, Callable[[], object]], str]
Files = tuple[KnownFile, ...]
NAMES = ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin")


@pytest.fixture
def small(tmp_path: Path) -> tuple[Files, Files]:
    """Two training files and a test file of three random records each, in `tmp_path`."""
    random = np.random.default_rng(0)
    files = []
    for name in NAMES:
        content = random.integers(0, 256, 3 * cifar_binary.RECORD, dtype=np.uint8).tobytes()
        (tmp_path / name).write_bytes(content)
        files.append(KnownFile(name=name, digest=sha1(content).hexdigest(), algorithm="sha1", size=len(content)))
    return tuple(files[:2]), tuple(files[2:])


def test_a_record_is_a_label_and_three_planes(tmp_path: Path, small: tuple[Files, Files]) -> None:
    train, test = cifar_binary.read(tmp_path, *small)
    assert train.pixels.shape == (6, 32, 32, 3)
    assert test.pixels.shape == (3, 32, 32, 3)
    assert train.pixels.flags.c_contiguous
    content = (tmp_path / "data_batch_2.bin").read_bytes()
    start = 2 * cifar_binary.RECORD
    assert train.labels[5] == content[start]
    for row, column, channel in [(0, 0, 0), (0, 31, 1), (17, 5, 2)]:
        assert train.pixels[5, row, column, channel] == content[start + 1 + 1024 * channel + 32 * row + column]


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file_is_named(
    tmp_path: Path,
    small: tuple[Files, Files],
    name: str,
    damage: Callable[[Path], None],
    complaint: Complaint,
) -> None:
    damage(tmp_path / name)
    complaint(tmp_path / name, lambda: cifar_binary.read(tmp_path, *small))


def test_the_real_files_are_accepted_and_a_flipped_bit_is_not(
    cifar10_dir: Path, tmp_path: Path, complaint: Complaint
) -> None:
    folder = cifar_binary.find(cifar10_dir)
    assert folder == cifar10_dir / "cifar-10-batches-bin"
    cifar_binary.verify(folder)
    for file in (*cifar_binary.TRAIN, *cifar_binary.TEST):
        (tmp_path / file.name).symlink_to(folder / file.name)
    content = bytearray((folder / "data_batch_3.bin").read_bytes())
    content[12_345_678] ^= 4
    (tmp_path / "data_batch_3.bin").unlink()
    (tmp_path / "data_batch_3.bin").write_bytes(content)
    assert cifar_binary.find(tmp_path) == tmp_path
    complaint(tmp_path / "data_batch_3.bin", lambda: cifar_binary.verify(tmp_path))
