"""Download of a set: on first use, repaired where damaged, reported where impossible."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from torchvision.datasets import utils

from resnet_lab.data import sources
from resnet_lab.data.load import ensure, load
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of our own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "resnet-lab" / "data"


def refuse(*_: object, **__: object) -> None:
    raise URLError("no route\nto host")


@pytest.mark.parametrize("name", [name for name in DatasetName if name not in ("digits", "folder")])
@pytest.mark.parametrize("use", [ensure, load])
def test_without_a_network_one_message_names_set_and_remedy(
    name: DatasetName, use: Callable[[DataSpec], object], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "download_url", refuse)
    monkeypatch.setattr(utils, "download_and_extract_archive", refuse)
    with pytest.raises(UserError) as caught:
        use(DataSpec(name=name))
    message = str(caught.value)
    assert message.startswith(f"{name} could not be downloaded to {cache} (")
    assert "no route to host" in message
    assert "give --data-dir a folder that already holds it" in message
    assert "\n" not in message


def test_the_digits_are_neither_downloaded_nor_cached(cache: Path) -> None:
    ensure(DataSpec(name=DatasetName.DIGITS))
    assert not cache.exists()


def test_a_cache_that_cannot_be_made_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="mnist could not be downloaded"):
        ensure(DataSpec(name=DatasetName.MNIST))


def test_first_use_downloads_and_a_spoilt_cache_repairs_itself(
    cache: Path, mnist_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched: list[str] = []

    def fetch(url: str, root: str, filename: str, md5: str) -> None:
        print("Downloading", url)
        if url.startswith("https"):
            raise URLError("the first mirror is down")
        target = Path(root) / filename
        if not utils.check_integrity(target, md5):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((mnist_dir / "MNIST" / "raw" / filename).read_bytes())
            fetched.append(filename)

    monkeypatch.setattr(utils, "download_url", fetch)
    ensure(DataSpec(name=DatasetName.MNIST))
    assert len(fetched) == 4
    ensure(DataSpec(name=DatasetName.MNIST))
    assert len(fetched) == 4, "what is there is not fetched again"
    spoilt = cache / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    spoilt.write_bytes(gzip.compress(b"other"))
    ensure(DataSpec(name=DatasetName.MNIST))
    assert fetched[4:] == [spoilt.name]
    assert capsys.readouterr().out == "", "standard output is left to the command"


def test_cifar_is_fetched_as_torchvision_fetches_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(utils, "download_and_extract_archive", lambda *a, **k: asked.append((a, k)))
    with pytest.raises(UserError, match="holds no cifar100"):  # nothing was really fetched
        sources.verify(DatasetName.CIFAR100, None)
    ((arguments, options),) = asked
    assert arguments[1] == str(cache)
    assert options == {"filename": "cifar-100-python.tar.gz", "md5": "eb9058c3a382ffc7106e4002c42a8d85"}
