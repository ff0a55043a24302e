"""Download of a set on first use, with torchvision's addresses and checksums, into the user's cache."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from http.client import HTTPException
from pathlib import Path
from tarfile import TarError

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
            f"{name} could not be downloaded to {root} ({reason}): "
            f"give --data-dir a folder that already holds it, or choose data.name=digits"
        ) from None


def _fetch_cifar(root: Path, class_name: str) -> None:
    from torchvision import datasets
    from torchvision.datasets.utils import download_and_extract_archive

    source = getattr(datasets, class_name)
    download_and_extract_archive(source.url, str(root), filename=source.filename, md5=source.tgz_md5)


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
