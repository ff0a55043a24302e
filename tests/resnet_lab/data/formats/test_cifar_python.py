"""CIFAR pickles: Python 2's are read, altered ones refused before they run."""

import struct
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torchvision import datasets

from resnet_lab.data.files import KnownFile
from resnet_lab.data.formats import cifar_python
from resnet_lab.data.formats.cifar_python import PickledSet

NAMES = ("data_batch_1", "data_batch_2", "test_batch")


def python2_pickle(pixels: NDArray[np.uint8], key: str, labels: list[int]) -> bytes:
    """Write {"data": uint8 [N, 3072], key: labels} opcode by opcode, as NumPy under Python 2 did."""
    return b"".join(
        [
            b"\x80\x02}(U\x04data",
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
            b"(K\x01" + struct.pack("<BiBi", ord("J"), len(pixels), ord("J"), 3072) + b"\x86",
            b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            b"\x89T" + struct.pack("<I", pixels.size) + pixels.tobytes() + b"tb",
            b"U" + bytes([len(key)]) + key.encode() + b"](",
            b"".join(b"K" + bytes([label]) for label in labels) + b"eu.",
        ]
    )


def planes(n: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, 3072), dtype=np.uint8)


@pytest.fixture(params=["labels", "fine_labels"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> PickledSet:
    """Two training pickles and a test pickle of three images each, in `tmp_path`."""
    files = []
    for seed, name in enumerate(NAMES):
        content = python2_pickle(planes(3, seed), request.param, [seed, 9, 99])
        (tmp_path / name).write_bytes(content)
        files.append(KnownFile(name=name, digest=md5(content).hexdigest()))
    return PickledSet(folder="small", train=tuple(files[:2]), test=tuple(files[2:]), labels=request.param)


def test_pickles_of_python_2_are_read_without_a_warning(tmp_path: Path, small: PickledSet) -> None:
    train, test = cifar_python.read(tmp_path, small)
    assert train.labels.tolist() == [0, 9, 99, 1, 9, 99]
    assert test.labels.tolist() == [2, 9, 99]
    expected = np.concatenate([planes(3, 0), planes(3, 1)]).reshape(6, 3, 32, 32).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(train.pixels, expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file_is_named(
    tmp_path: Path,
    small: PickledSet,
    name: str,
    damage: Callable[[Path], None],
    complaint: Callable[[Path, Callable[[], object]], str],
) -> None:
    damage(tmp_path / name)
    complaint(tmp_path / name, lambda: cifar_python.verify(tmp_path, small))


def test_an_altered_pickle_is_refused_before_it_can_run(
    tmp_path: Path, small: PickledSet, complaint: Callable[[Path, Callable[[], object]], str]
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "test_batch").write_bytes(b"cos\nmkdir\n(S'" + str(ran).encode() + b"'\ntR.")
    complaint(tmp_path / "test_batch", lambda: cifar_python.read(tmp_path, small))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(cifar_python.CIFAR10, datasets.CIFAR10), (cifar_python.CIFAR100, datasets.CIFAR100)],
)
def test_the_facts_are_those_torchvision_lists(ours: PickledSet, theirs: type[datasets.CIFAR10]) -> None:
    assert ours.folder == theirs.base_folder
    assert [[file.name, file.digest] for file in ours.train] == theirs.train_list
    assert [[file.name, file.digest] for file in ours.test] == theirs.test_list
