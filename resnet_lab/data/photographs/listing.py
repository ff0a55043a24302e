"""Listing of image files with their classes and parts: folders with one folder for each class."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from resnet_lab.data.files import REMEDY
from resnet_lab.errors import UserError


class Part(StrEnum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """One file; `name` is its path below the listing's root, with slashes."""

    name: str
    label: int
    part: Part = Part.TRAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Image files in the order of their names, and the classes' names in the order of the labels."""

    root: Path
    files: tuple[ImageFile, ...]
    classes: tuple[str, ...]

    def count(self, part: Part) -> int:
        """Return how many files belong to a part."""
        return sum(file.part == part for file in self.files)

    def require_files(self) -> None:
        """Raise UserError naming the first file that is not there."""
        for file in self.files:
            if not (self.root / file.name).is_file():
                raise UserError(f"{self.root / file.name} is missing: {REMEDY}")


def list_folder(root: Path) -> Listing:
    """List `root`/CLASS/... or `root`/train/CLASS/..., with `root`/test and, if it is there, `root`/val alike.

    A class is a folder with an image at any depth; hidden files and those whose extension Pillow does not read are
    passed over. Raises UserError where that makes no data set.
    """
    parts = _parts(root)
    found = [(part, *entry) for part, folder in parts.items() for entry in _entries(root, folder)]
    classes = tuple(sorted({label for _, label, _ in found}))
    if len(classes) < 2:
        raise UserError(
            f"{root} holds {'no class' if not classes else f'one class, {classes[0]}'}: give --data-dir a folder "
            "with a folder of images for each class, or with such a train/ and test/"
        )
    _require_trained({label for part, label, _ in found if part == Part.TRAIN}, classes, root)
    number = {name: label for label, name in enumerate(classes)}
    files = [ImageFile(name=name, label=number[label], part=part) for part, label, name in found]
    return Listing(root=root, files=tuple(sorted(files, key=lambda file: file.name)), classes=classes)


def _parts(root: Path) -> dict[Part, Path]:
    """Return the folder of each part; without train/ everything is one part."""
    if not (root / Part.TRAIN).is_dir():
        return {Part.TRAIN: root}
    return {part: root / part for part in Part if (root / part).is_dir()}


def _entries(root: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (class, name) of every image below a folder of classes."""
    for path in sorted(folder.glob("*/**/*")):
        inner = path.relative_to(folder)
        if path.suffix.lower() in _suffixes() and path.is_file() and not any(p.startswith(".") for p in inner.parts):
            yield inner.parts[0], path.relative_to(root).as_posix()


@cache
def _suffixes() -> frozenset[str]:
    from PIL import Image

    extensions = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in extensions.items() if kind in Image.OPEN)


def _require_trained(trained: set[str], classes: tuple[str, ...], root: Path) -> None:
    if missing := sorted(set(classes) - trained):
        raise UserError(
            f"{root / Part.TRAIN} has no image of {', '.join(missing)}, which other parts have: add some, or remove "
            "these classes"
        )
