"""Arrays of one's own: by names, from a callable or a Dataset, refused in a sentence, split, and never mistaken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from resnet_lab.data.load import ensure, load, resolve, take_arrays
from resnet_lab.data.own.arrays import from_mapping
from resnet_lab.data.own.called import arrays_of
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec
from resnet_lab.spec.fingerprint import fingerprint
from resnet_lab.spec.run_spec import RunSpec

LABELS = np.arange(60) % 3
IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
NPY = b"\x93NUMPY\x01\x00\x46\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }".ljust(79) + b"\n\0"
WHOLE = {"images": IMAGES, "labels": LABELS}
FOUR = {"x_train": IMAGES[:40], "y_train": LABELS[:40], "x_test": IMAGES[40:], "y_test": LABELS[40:]}


def saved(path: Path, **held: Any) -> Path:
    np.savez(path, **held)
    return path


def test_a_file_of_arrays_is_split_with_each_class_in_proportion(tmp_path: Path) -> None:
    file = saved(tmp_path / "signs.npz", **WHOLE)
    spec = resolve(DataSpec(name=DatasetName.ARRAYS), file)
    data = load(spec, file)
    assert spec.contents.startswith("3 classes, 60+0+0 images of 8x8x1, ")
    assert [len(part) for part in (data.train, data.val, data.test)] == [38, 10, 12]
    assert data.test.labels.bincount().tolist() == [4, 4, 4]
    assert data.class_names == ("0", "1", "2")
    again = load(resolve(DataSpec(name=DatasetName.ARRAYS, split=1), file), file)
    assert again.test.pixels.equal(data.test.pixels)
    assert not again.val.pixels.equal(data.val.pixels)


def test_a_changed_file_of_the_same_name_is_another_run_and_refused_in_the_old_one(tmp_path: Path) -> None:
    file = saved(tmp_path / "signs.npz", **FOUR)
    before = resolve(DataSpec(name=DatasetName.ARRAYS), file)
    saved(file, **(FOUR | {"x_test": FOUR["x_test"] ^ 1}))
    after = resolve(DataSpec(name=DatasetName.ARRAYS), file)
    assert fingerprint(RunSpec(data=before)) != fingerprint(RunSpec(data=after))
    with pytest.raises(UserError, match="but the run is of 3 classes, 40"):
        ensure(before, file)


@pytest.mark.parametrize(
    "given",
    [
        WHOLE,
        (IMAGES, LABELS),
        [(image, label) for image, label in zip(IMAGES, LABELS, strict=True)],
        TensorDataset(torch.tensor(IMAGES).permute(0, 3, 1, 2), torch.tensor(LABELS)),
        TensorDataset(torch.tensor(IMAGES).permute(0, 3, 1, 2) / 255, torch.tensor(LABELS)),
        {"images": IMAGES[..., 0].astype(np.int64), "labels": LABELS[:, None]},
    ],
    ids=["dict", "pair", "items", "Dataset", "Dataset of fractions", "whole numbers"],
)
def test_equal_images_are_one_data_set_however_they_come(given: Any) -> None:
    assert arrays_of(given, "data").contents() == from_mapping(WHOLE, "data").contents()


@pytest.mark.parametrize(
    "given",
    [
        tuple(FOUR.values()),
        ((FOUR["x_train"], FOUR["y_train"]), (FOUR["x_test"], FOUR["y_test"])),
        tuple(
            TensorDataset(torch.tensor(FOUR[x])[:, None, :, :, 0], torch.tensor(FOUR[y]))
            for x, y in (("x_train", "y_train"), ("x_test", "y_test"))
        ),
    ],
    ids=["four arrays", "two pairs", "two Datasets"],
)
def test_parts_may_come_apart(given: Any) -> None:
    assert arrays_of(given, "data").contents() == from_mapping(FOUR, "data").contents()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": IMAGES}, "holds x: name the arrays x_train"),
        ({"images": IMAGES}, "holds images: name the arrays"),
        (FOUR | {"weights": LABELS}, "name the arrays"),
        (WHOLE | {"images": IMAGES[:, :, :, 0].repeat(2, 2)}, "give square images"),
        (WHOLE | {"images": np.zeros((60, 3, 8, 8), np.uint8)}, r"give x.transpose\(0, 2, 3, 1\)"),
        (WHOLE | {"images": IMAGES / 127.5 - 1}, "give uint8 from 0 to 255"),
        (WHOLE | {"images": IMAGES[:9]}, "9 images in images and 60 labels"),
        (WHOLE | {"labels": LABELS + 1}, "no training image of class 0"),
        (WHOLE | {"labels": LABELS - 1}, "the number of its class, from 0"),
        (WHOLE | {"labels": LABELS.astype(str)}, "numpy.unique"),
        (WHOLE | {"class_names": ["a", "b"]}, "labels up to 2 and 2 class names"),
        (FOUR | {"x_test": IMAGES[40:, :4, :4]}, "different shapes"),
        (7, "is a int: give a dict of the arrays"),
        ([(torch.rand(1, 8, 8), "cat")] * 3, "item 0 of data is not"),
    ],
    ids=["name", "half", "unread", "oblong", "channels first", "normalised", "count", "from 1", "negative", "text",
         "class names", "shapes", "number", "text label"],
)  # fmt: skip
def test_what_is_no_data_set_is_refused_in_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        arrays_of(given, "data")


def test_a_dataset_that_draws_its_images_is_refused() -> None:
    class Noise:
        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return torch.randint(0, 256, (1, 8, 8), dtype=torch.uint8), index % 2

    with pytest.raises(UserError, match=r"recipe\.augmentation draws them"):
        arrays_of(Noise(), "data")


def test_fields_of_other_sets_are_refused() -> None:
    with pytest.raises(UserError, match="trainval"):
        take_arrays(DataSpec(trainval=True), WHOLE)
    with pytest.raises(UserError, match="has colours"):
        take_arrays(DataSpec(name=DatasetName.MNIST, rgb=True), {"images": IMAGES.repeat(3, 3), "labels": LABELS})


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PK\x03\x04 nothing", "cannot be read as arrays"), (None, "there is no file"), (NPY, "holds one array")],
    ids=["broken", "missing", "one array"],
)
def test_what_is_no_file_of_arrays_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "signs.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=said):
        resolve(DataSpec(name=DatasetName.ARRAYS), file)
