"""The catalog: every set has its facts, and its counts refuse what is not there."""

import subprocess
import sys

import pytest

from resnet_lab.data.catalog import CATALOG, steps_per_epoch, train_images
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec


def test_every_set_of_the_spec_has_its_facts() -> None:
    assert set(CATALOG) == set(DatasetName) - {DatasetName.FOLDER, DatasetName.ARRAYS}, "these have what they hold"


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("digits", 1797),
        ("mnist", 70_000),
        ("fashion_mnist", 70_000),
        ("cifar10", 60_000),
        ("cifar100", 60_000),
        ("oxford_pets", 7_349),
        ("flowers102", 8_189),
    ],
)
def test_the_parts_make_up_the_published_whole(name: str, total: int) -> None:
    info = CATALOG[DatasetName(name)]
    assert info.train + info.val + info.test == total


def test_train_images_counts_all_by_default_and_what_is_asked_for() -> None:
    assert train_images(DataSpec()) == 45_000
    assert train_images(DataSpec(train_images=45_000)) == 45_000
    assert train_images(DataSpec(name=DatasetName.DIGITS, train_images=256)) == 256


def test_more_training_images_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match=r"train_images=1258 is more than digits has.*at most 1257"):
        train_images(DataSpec(name=DatasetName.DIGITS, train_images=1258))


def test_an_epoch_has_full_batches_only() -> None:
    assert steps_per_epoch(45_000, 128) == 351
    assert steps_per_epoch(128, 128) == 1
    with pytest.raises(UserError, match=r"batch_size=128 .* at most 127"):
        steps_per_epoch(127, 128)


def test_catalog_and_ensure_load_no_torch() -> None:
    code = (
        "import sys\n"
        "from resnet_lab.data.load import ensure\n"
        "from resnet_lab.spec import DataSpec\n"
        "ensure(DataSpec(name='digits'))\n"
        "sys.exit(bool({'torch', 'torchvision', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
