"""Transfer of a set: its files are found, kept intact on another machine, and refused where they are not."""

import os

import pytest
from PIL import Image

from resnet_lab.data import transfer
from resnet_lab.data.load import resolve
from resnet_lab.data.transfer import Found, find, keep_set, read_set
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec


@pytest.fixture(autouse=True)
def other_machine(tmp_path, monkeypatch):
    """Another machine: its cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_digits_are_everywhere():
    assert find(DataSpec(name=DatasetName.DIGITS), None) == Found(None)


def test_a_set_that_is_not_there_is_not_downloaded(tmp_path):
    assert find(DataSpec(name=DatasetName.MNIST), tmp_path / "not there") is None


def test_mnist_travels_into_the_cache_and_is_verified_there(mnist_dir):
    spec = DataSpec(name=DatasetName.MNIST)
    assert find(spec, mnist_dir) == Found(mnist_dir)
    files = read_set(spec, mnist_dir)
    assert {os.path.dirname(name) for name in files} == {"MNIST/raw"}
    assert keep_set(spec, files) == Found(None)
    assert find(spec, mnist_dir / "not there") == Found(None)


def test_what_arrives_altered_is_not_kept_for_good(mnist_dir):
    spec = DataSpec(name=DatasetName.MNIST)
    files = {name: content[:-1] for name, content in read_set(spec, mnist_dir).items()}
    assert keep_set(spec, files) is None


def test_own_photographs_travel_by_their_contents(tmp_path):
    for number in range(8):
        path = tmp_path / "mine" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (number * 20, 0, 0)).save(path)
    spec = resolve(DataSpec(name=DatasetName.FOLDER, size=16), tmp_path / "mine")
    assert find(spec, tmp_path / "mine") == Found(tmp_path / "mine")
    found = keep_set(spec, read_set(spec, tmp_path / "mine"))
    assert found is not None
    assert found.data_dir is not None
    assert resolve(DataSpec(name=DatasetName.FOLDER, size=16), found.data_dir) == spec


def test_a_set_too_large_to_be_held_in_memory_stays(mnist_dir, monkeypatch):
    monkeypatch.setattr(transfer, "MAX_BYTES", 1000)
    with pytest.raises(UserError, match="put it on each of them and give --data-dir"):
        read_set(DataSpec(name=DatasetName.MNIST), mnist_dir)


def test_no_name_leads_out_of_the_cache():
    with pytest.raises(UserError, match="is no file of a data set"):
        keep_set(DataSpec(name=DatasetName.MNIST), {"../../outside": b""})
