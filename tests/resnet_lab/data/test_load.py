"""Loading data: sets as the catalog says, subsets, and error messages about data folders."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from resnet_lab.data.catalog import CATALOG, info_of
from resnet_lab.data.images import ImageData
from resnet_lab.data.load import ensure, load
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec

NAMES = [name for name in DatasetName if name != DatasetName.ARRAYS]  # which have a file


def check_against_catalog(data: ImageData) -> None:
    info = CATALOG[data.name]
    for part, count in ((data.train, info.train), (data.val, info.val), (data.test, info.test)):
        assert part.pixels.shape == (count, info.size, info.size, info.channels)
        assert part.pixels.dtype == torch.uint8
        assert part.pixels.is_contiguous()
        assert part.labels.dtype == torch.int64
        assert len(part.labels) == count
        assert len(part.labels.bincount()) == info.classes == data.classes
    assert data.mean.shape == data.std.shape == (info.channels,)
    assert data.mean.dtype == data.std.dtype == torch.float32


def test_the_digits_load_as_the_catalog_says_and_never_change() -> None:
    data = load(DataSpec(name=DatasetName.DIGITS))
    check_against_catalog(data)
    assert data.sha256 == "520c472da94521edc284012516a7886458a686bc33f6fdcb7954988261d6e210"


def test_the_real_cifar10_loads_as_the_catalog_says(cifar10_dir: Path) -> None:
    spec = DataSpec(name=DatasetName.CIFAR10)
    ensure(spec, cifar10_dir)
    data = load(spec, cifar10_dir / "cifar-10-batches-bin")
    check_against_catalog(data)
    assert data.sha256 == "7744a84bb9bfad3951c50675ad071f8e58f1a627592dd52d3fad299c5fe46e9e"
    both = torch.cat([data.train.labels, data.val.labels])
    assert both.bincount().tolist() == [5000] * 10
    # The published statistics are those of all 50,000 images; 45,000 of them come close.
    torch.testing.assert_close(data.mean, torch.tensor([0.4914, 0.4822, 0.4465]), atol=1e-3, rtol=0)
    torch.testing.assert_close(data.std, torch.tensor([0.2470, 0.2435, 0.2616]), atol=1e-3, rtol=0)


def test_the_real_mnist_loads_as_the_catalog_says(mnist_dir: Path) -> None:
    data = load(DataSpec(name=DatasetName.MNIST), mnist_dir)
    check_against_catalog(data)
    # The well-known statistics are those of all 60,000 images.
    torch.testing.assert_close(data.mean, torch.tensor([0.1307]), atol=1e-3, rtol=0)
    torch.testing.assert_close(data.std, torch.tensor([0.3081]), atol=1e-3, rtol=0)
    assert data.sha256 == "f0d1f08659ec8c0356296ffeb91ff9da21deb4acf6e0d806ddeae624f26ffe00"


def test_grey_images_are_repeated_in_three_channels() -> None:
    grey, rgb = load(DataSpec(name=DatasetName.DIGITS)), load(DataSpec(name=DatasetName.DIGITS, rgb=True))
    assert torch.equal(rgb.test.pixels, grey.test.pixels.expand(-1, -1, -1, 3))
    assert rgb.mean.tolist() == grey.mean.tolist() * 3
    assert info_of(DataSpec(name=DatasetName.DIGITS, rgb=True)).channels == rgb.channels == 3


def test_trainval_trains_on_the_held_out_images_too() -> None:
    apart, both = (load(DataSpec(name=DatasetName.DIGITS, trainval=each)) for each in (False, True))
    assert torch.equal(both.train.pixels, torch.cat([apart.train.pixels, apart.val.pixels]))
    assert torch.equal(both.train.labels, torch.cat([apart.train.labels, apart.val.labels]))
    assert torch.equal(both.val.pixels, apart.val.pixels)
    assert info_of(DataSpec(name=DatasetName.DIGITS, trainval=True)).train == len(both.train) == 1257 + 180


def test_fewer_training_images_are_the_first_of_the_split_and_the_rest_stays() -> None:
    whole = load(DataSpec(name=DatasetName.DIGITS))
    part = load(DataSpec(name=DatasetName.DIGITS, train_images=100))
    assert torch.equal(part.train.pixels, whole.train.pixels[:100])
    assert torch.equal(part.val.pixels, whole.val.pixels)
    assert torch.equal(part.test.labels, whole.test.labels)
    assert part.sha256 != whole.sha256
    torch.testing.assert_close(part.mean, (part.train.pixels / 255).mean((0, 1, 2)))
    torch.testing.assert_close(part.std, (part.train.pixels / 255).std((0, 1, 2), correction=0))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("use", [ensure, load])
def test_a_data_folder_that_is_missing_or_a_file_is_named(
    name: DatasetName, use: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for path, fault in ((tmp_path / "nowhere", "does not exist"), (tmp_path / "file", "is a file")):
        with pytest.raises(UserError) as caught:
            use(DataSpec(name=name), path)
        assert str(caught.value).startswith(f"the data folder {path} {fault}: ")


def test_a_data_folder_the_system_refuses_is_named(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)  # longer than a file system allows
    with pytest.raises(UserError) as caught:
        ensure(DataSpec(name=DatasetName.DIGITS), path)
    assert str(caught.value).startswith(f"the data folder {path} ")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("cifar10", "cifar-10-batches-bin or cifar-10-batches-py"),
        ("cifar100", "cifar-100-python"),
        ("mnist", "MNIST/raw/train-labels-idx1-ubyte is missing"),
        ("fashion_mnist", "FashionMNIST/raw/train-labels-idx1-ubyte is missing"),
    ],
)
def test_an_empty_data_folder_says_what_it_should_hold_and_downloads_nothing(
    name: str, wanted: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        ensure(DataSpec(name=DatasetName(name)), tmp_path)
    message = str(caught.value)
    assert message.startswith(str(tmp_path))
    assert wanted in message
    assert "--data-dir" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["cifar-10-batches-bin", "cifar-10-batches-py", "cifar-100-python"])
def test_a_cifar_folder_without_its_files_names_the_first(folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir()
    name = DatasetName.CIFAR100 if "100" in folder else DatasetName.CIFAR10
    first = {"bin": "data_batch_1.bin", "-py": "data_batch_1", "hon": "train"}[folder[-3:]]
    with pytest.raises(UserError) as caught:
        ensure(DataSpec(name=name), tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / folder / first} is missing: ")


def test_more_images_than_there_are_is_refused_before_any_file_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train_images=45001"):
        ensure(DataSpec(train_images=45_001), tmp_path / "nowhere")


def test_another_split_moves_images_between_training_and_validation_and_leaves_the_test_set() -> None:
    fixed, other = (load(DataSpec(name=DatasetName.DIGITS, split=split)) for split in (0, 3))
    assert torch.equal(fixed.test.pixels, other.test.pixels)
    assert not torch.equal(fixed.val.pixels, other.val.pixels)
    together = [torch.cat([d.train.pixels, d.val.pixels]).flatten(1).tolist() for d in (fixed, other)]
    assert sorted(together[0]) == sorted(together[1])
    assert fixed.sha256 != other.sha256
    assert not torch.equal(fixed.mean, other.mean)  # measured on its own training images
