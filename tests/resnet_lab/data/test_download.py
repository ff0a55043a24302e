"""Download of a set: on first use, repaired where damaged, reported where impossible."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from torchvision.datasets import utils

from resnet_lab.data import download, fetch, sources
from resnet_lab.data.files import KnownFile
from resnet_lab.data.formats import cifar_parquet
from resnet_lab.data.load import ensure, load
from resnet_lab.data.statistics import digest
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of our own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "resnet-lab" / "data"


def refuse(*_: object, **__: object) -> None:
    raise URLError("no route\nto host")


@pytest.mark.parametrize("name", [name for name in DatasetName if name not in ("digits", "folder", "arrays")])
@pytest.mark.parametrize("use", [ensure, load])
def test_without_a_network_one_message_names_set_and_remedy(
    name: DatasetName, use: Callable[[DataSpec], object], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "download_url", refuse)
    monkeypatch.setattr(utils, "download_and_extract_archive", refuse)
    monkeypatch.setattr(fetch, "urlopen", refuse)
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


def test_cifar_comes_from_the_first_mirror_with_torchvisions_checksum(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def give(file: KnownFile, urls: tuple[str, ...], folder: Path) -> Path:
        asked.append((file, urls, folder))
        with tarfile.open(folder / file.name, "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("readme"))
        return folder / file.name

    monkeypatch.setattr(fetch, "fetch", give)
    with pytest.raises(UserError, match="holds no cifar100"):  # nothing was really fetched
        sources.verify(DatasetName.CIFAR100, None)
    ((file, urls, folder),) = asked
    assert (folder, file.name, file.digest) == (cache, "cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85")
    assert [urlsplit(url).scheme for url in urls] == ["https", "https"]
    assert urls[-1].startswith("https://www.cs.toronto.edu/"), "the official host is slow"


def test_cifar10s_parquet_edition_stands_in_and_is_held_to_the_official_digests(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    records = [bytes([label]) + image.transpose(2, 0, 1).tobytes() for label, image in enumerate(images)]
    batches = [b"".join(records[start : start + 2]) for start in (0, 2, 4)]
    known = [
        KnownFile(name=f"{name}.bin", digest=hashlib.sha1(content).hexdigest(), algorithm="sha1", size=len(content))
        for name, content in zip(("b1", "b2", "test"), batches, strict=True)
    ]

    def table(first: int, last: int, path: Path) -> Path:
        encoded = []
        for image in images[first:last]:
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, "PNG")
            encoded.append({"bytes": stream.getvalue(), "path": None})
        parquet.write_table(pyarrow.table({"img": encoded, "label": list(range(first, last))}), path)
        return path

    def give(url: str, folder: Path) -> Path:
        return table(0, 4, folder / "a") if "train" in url else table(4, 6, folder / "b")

    monkeypatch.setattr(fetch, "urlopen", refuse)
    monkeypatch.setattr(fetch, "fetch_unknown", give)
    monkeypatch.setattr(cifar_parquet, "BATCH", 2)
    monkeypatch.setattr(cifar_parquet, "TRAIN", tuple(reversed(known[:2])))  # in whatever order they are
    monkeypatch.setattr(cifar_parquet, "TEST", tuple(known[2:]))
    download.download(DatasetName.CIFAR10, cache)
    kept = cache / "cifar-10-batches-bin"
    assert [(kept / file.name).read_bytes() for file in known] == batches
    assert sorted(path.name for path in cache.iterdir()) == ["cifar-10-batches-bin", "cifar10.lock"]
    assert "its parquet edition instead" in capsys.readouterr().err
    images[3, 0, 0, 0] ^= 1
    with pytest.raises(UserError, match=r"no route to host.*; a holds other pixels than CIFAR-10's official batches"):
        download.download(DatasetName.CIFAR10, cache)


def test_the_pixels_of_cifar10_are_known(cifar10_dir: Path) -> None:
    assert digest(sources.read(DatasetName.CIFAR10, cifar10_dir)) == sources.PIXELS[DatasetName.CIFAR10]


@pytest.mark.usefixtures("cache")
def test_fetched_images_with_other_pixels_are_refused(cifar10_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where each file's own checksum is right, as on a mirror of another edition."""

    def give(name: DatasetName, folder: Path) -> None:  # noqa: ARG001  # as `download`
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cifar-10-batches-bin").symlink_to(cifar10_dir / "cifar-10-batches-bin")

    monkeypatch.setattr(sources, "download", give)
    monkeypatch.setattr(sources, "PIXELS", {DatasetName.CIFAR10: "0" * 64})
    with pytest.raises(UserError, match="has other pixels or labels than the official set"):
        sources.verify(DatasetName.CIFAR10, None)
