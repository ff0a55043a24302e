"""Transfer of a set's files to another machine: which they are, whether a machine has them, and keeping them there."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from ablations.references import is_own
from resnet_lab.data import sources
from resnet_lab.data.formats import cifar_binary, cifar_python, idx
from resnet_lab.data.load import resolve
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec
from resnet_lab.spec.choices import PHOTOGRAPHS, has_contents
from resnet_lab.system import atomic
from resnet_lab.system.cache import cache_dir, own_folder

ARRAYS_FILE = "arrays.npz"
"""Name of a file of arrays where it is kept."""
MAX_BYTES = 4 * 2**30
"""Larger sets do not travel: they are held in memory on the way."""


@dataclass(frozen=True, slots=True)
class Found:
    """A set that is there and intact: `data_dir` is what `resnet_lab.data.load` takes, None for the cache."""

    data_dir: Path | None


def find(spec: DataSpec, data_dir: Path | None) -> Found | None:
    """Return where this machine has a set, in the folder given or in its cache; None where it would be downloaded."""
    if spec.name == DatasetName.DIGITS:
        return Found(None)
    if is_own(spec.name):
        return Found(None) if _is_intact(spec, None) else None
    kept = _kept(spec)
    if data_dir is not None and data_dir.exists() and _is_intact(spec, data_dir):
        return Found(data_dir)
    place = kept / ARRAYS_FILE if spec.name == DatasetName.ARRAYS else kept
    if place.exists() and _is_intact(spec, place):
        return Found(place if has_contents(spec.name) else None)
    return None


def read_set(spec: DataSpec, data_dir: Path | None) -> dict[str, bytes]:
    """Return the files of a set that is here, by their paths in torchvision's layout. Raises UserError.

    They are those that `find` has verified, and are verified again where they are kept.
    """
    if is_own(spec.name):
        raise UserError(f"a node has no {spec.name}, or it gives other images there: put its module on each node")
    root = data_dir if data_dir is not None else _kept(spec)
    files = {ARRAYS_FILE: root} if spec.name == DatasetName.ARRAYS else _files(spec, root)
    size = sum(path.stat().st_size for path in files.values())
    if size > MAX_BYTES:
        raise UserError(
            f"{spec.name} has {size / 2**30:.0f} GiB, too much to be sent to nodes without it: put it on each of them "
            "and give --data-dir"
        )
    return {name: path.read_bytes() for name, path in files.items()}


def keep_set(spec: DataSpec, files: Mapping[str, bytes]) -> Found | None:
    """Write the files of a set to this machine's cache; None where they are not intact there. Raises OSError."""
    own_folder("folders" if has_contents(spec.name) else "data")
    root = _kept(spec)
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{spec.name}.lock"):
        if (found := find(spec, None)) is None:
            for name, content in files.items():
                path = root / name
                if not path.resolve().is_relative_to(root.resolve()):
                    raise UserError(f"{name} is no file of a data set")
                path.parent.mkdir(parents=True, exist_ok=True)
                atomic.write(path, content)
            found = find(spec, None)
    return found


def _kept(spec: DataSpec) -> Path:
    if not has_contents(spec.name):
        return cache_dir("data")
    return cache_dir("folders") / hashlib.sha256(spec.contents.encode()).hexdigest()[:16]


def _is_intact(spec: DataSpec, root: Path | None) -> bool:
    try:
        if has_contents(spec.name):
            return resolve(replace(spec, contents=""), root).contents == spec.contents
        sources.verify(spec.name, root)
    except UserError:
        return False
    return True


def _files(spec: DataSpec, root: Path) -> dict[str, Path]:
    if spec.name in PHOTOGRAPHS:
        return _photographs(spec, root)
    if spec.name in (DatasetName.MNIST, DatasetName.FASHION_MNIST):
        folder = (idx.MNIST if spec.name == DatasetName.MNIST else idx.FASHION_MNIST).folder
        return {f"{folder}/{path.name}": path for path in sorted((root / folder).iterdir()) if path.is_file()}
    if spec.name == DatasetName.CIFAR10 and (binary := cifar_binary.find(root)):
        files = (*cifar_binary.TRAIN, *cifar_binary.TEST)
        return {f"{cifar_binary.FOLDER}/{file.name}": binary / file.name for file in files}
    layout = cifar_python.CIFAR10 if spec.name == DatasetName.CIFAR10 else cifar_python.CIFAR100
    pickles = cifar_python.find(root, layout)
    if pickles is None:
        raise UserError(f"{root} holds no {spec.name}")
    return {f"{layout.folder}/{file.name}": pickles / file.name for file in (*layout.train, *layout.test)}


def _photographs(spec: DataSpec, root: Path) -> dict[str, Path]:
    from resnet_lab.data.photographs.listing import list_folder
    from resnet_lab.data.photographs.torchvision_sets import FOLDERS

    if spec.name == DatasetName.FOLDER:
        return {file.name: root / file.name for file in list_folder(root).files}
    everything = (path for path in (root / FOLDERS[spec.name]).rglob("*") if path.is_file())
    found = sorted(path for path in everything if not path.name.endswith((".tar.gz", ".tgz")))
    return {path.relative_to(root).as_posix(): path for path in found}
