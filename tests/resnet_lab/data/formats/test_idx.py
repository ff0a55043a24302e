"""IDX files: plain and gzipped, with and without a digest, and the published files."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from resnet_lab.data.formats import idx
from resnet_lab.data.formats.idx import IdxFile, IdxSet
from resnet_lab.errors import UserError

Complaint = Callable[[Path, Callable[[], object]], str]
SHAPES = {"train_images": (5, 4, 4), "train_labels": (5,), "test_images": (2, 4, 4), "test_labels": (2,)}


def idx_bytes(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_set(data_dir: Path, forms: str, *, known: bool) -> IdxSet:
    """Write four small files as "plain", "gz" or "both"; `known`: the plain ones have a SHA-256."""
    raw = data_dir / "Small" / "raw"
    raw.mkdir(parents=True)
    files = {}
    for seed, (part, shape) in enumerate(SHAPES.items()):
        content = idx_bytes(np.random.default_rng(seed).integers(0, 10, shape, dtype=np.uint8))
        packed = gzip.compress(content, mtime=0)
        if forms != "gz":
            (raw / part).write_bytes(content)
        if forms != "plain":
            (raw / f"{part}.gz").write_bytes(packed)
        digest = hashlib.sha256(content).hexdigest() if known else None
        files[part] = IdxFile(name=part, shape=shape, gz_md5=hashlib.md5(packed).hexdigest(), sha256=digest)
    return IdxSet(folder="Small/raw", **files)


@pytest.mark.parametrize(
    ("forms", "known"), [("plain", True), ("gz", True), ("gz", False), ("both", True), ("both", False)]
)
def test_plain_and_gzipped_files_give_the_same_images(tmp_path: Path, forms: str, known: bool) -> None:
    files = write_set(tmp_path, forms, known=known)
    before = sorted(tmp_path.rglob("*"))
    train, test = idx.read(tmp_path, files)
    expected = np.random.default_rng(0).integers(0, 10, (5, 4, 4), dtype=np.uint8)
    np.testing.assert_array_equal(train.pixels, expected[..., None])
    np.testing.assert_array_equal(train.labels, np.random.default_rng(1).integers(0, 10, 5, dtype=np.uint8))
    assert test.pixels.shape == (2, 4, 4, 1)
    assert sorted(tmp_path.rglob("*")) == before, "the folder is only read"


@pytest.mark.parametrize("part", list(SHAPES))
@pytest.mark.parametrize("forms", ["plain", "gz"])
def test_a_bad_file_is_named(
    tmp_path: Path, part: str, forms: str, damage: Callable[[Path], None], complaint: Complaint
) -> None:
    files = write_set(tmp_path, forms, known=True)
    path = tmp_path / "Small" / "raw" / (part if forms == "plain" else f"{part}.gz")
    damage(path)
    missing = path.with_suffix("")  # with no `.gz` it is the plain file that is asked for
    complaint(path if path.exists() else missing, lambda: idx.read(tmp_path, files))


@pytest.mark.parametrize("name", ["train_images", "train_images.gz"])
def test_next_to_its_gz_a_plain_file_of_unknown_digest_is_still_checked(
    tmp_path: Path, name: str, complaint: Complaint
) -> None:
    files = write_set(tmp_path, "both", known=False)
    path = tmp_path / "Small" / "raw" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    complaint(path, lambda: idx.read(tmp_path, files))


def test_a_plain_file_of_unknown_digest_without_its_gz_cannot_be_verified(tmp_path: Path) -> None:
    files = write_set(tmp_path, "plain", known=False)
    with pytest.raises(
        UserError, match=r"train_labels cannot be verified, .* of train_labels\.gz alone: put that there"
    ):
        idx.read(tmp_path, files)


def test_labels_of_no_class_are_refused_whatever_their_digest(tmp_path: Path, complaint: Complaint) -> None:
    files = write_set(tmp_path, "plain", known=True)
    path = tmp_path / "Small" / "raw" / "train_labels"
    content = path.read_bytes()[:-1] + bytes([10])
    path.write_bytes(content)
    labels = replace(files.train_labels, sha256=hashlib.sha256(content).hexdigest())
    complaint(path, lambda: idx.read(tmp_path, replace(files, train_labels=labels)))


@pytest.mark.parametrize(("offset", "value"), [(3, 2), (7, 6)])
def test_without_a_digest_the_structure_is_checked(
    tmp_path: Path, offset: int, value: int, complaint: Complaint
) -> None:
    files = write_set(tmp_path, "plain", known=False)
    path = tmp_path / "Small" / "raw" / "train_labels"
    content = bytearray(path.read_bytes())
    content[offset] = value
    path.write_bytes(content)
    complaint(path, lambda: idx.read(tmp_path, files))


@pytest.mark.parametrize(("ours", "theirs"), [(idx.MNIST, datasets.MNIST), (idx.FASHION_MNIST, datasets.FashionMNIST)])
def test_the_facts_are_those_torchvision_lists(ours: IdxSet, theirs: type[datasets.MNIST]) -> None:
    files = (ours.train_images, ours.train_labels, ours.test_images, ours.test_labels)
    assert ours.folder == f"{theirs.__name__}/raw"
    assert [(f"{file.name}.gz", file.gz_md5) for file in files] == theirs.resources


def test_the_real_mnist_is_read_gzipped_and_extracted(mnist_dir: Path, tmp_path: Path) -> None:
    train, test = idx.read(mnist_dir, idx.MNIST)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (idx.MNIST.test_images, idx.MNIST.test_labels):
        packed = mnist_dir / "MNIST" / "raw" / f"{file.name}.gz"
        (raw / file.name).write_bytes(gzip.decompress(packed.read_bytes()))
    only_test = replace(idx.MNIST, train_images=idx.MNIST.test_images, train_labels=idx.MNIST.test_labels)
    extracted, _ = idx.read(tmp_path, only_test)
    np.testing.assert_array_equal(extracted.pixels, test.pixels)
