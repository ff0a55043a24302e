"""Oxford-IIIT Pet and Oxford 102 Flower as torchvision lists and downloads them. Imports torch where it is used."""

from pathlib import Path
from typing import Any

from resnet_lab.data.photographs.listing import ImageFile, Listing, Part
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName

FOLDERS = {DatasetName.OXFORD_PETS: "oxford-iiit-pet", DatasetName.FLOWERS102: "flowers-102"}


def list_set(name: DatasetName, root: Path) -> Listing:
    """List a set that lies in torchvision's layout below `root`. Raises UserError where it does not."""
    folder = root / FOLDERS[name]
    files: list[ImageFile] = []
    classes: tuple[str, ...] = ()
    for split, part in _SPLITS[name].items():
        try:
            known = _class(name)(str(root), split=split, download=False)
        except (RuntimeError, OSError) as error:
            raise UserError(
                f"{folder} holds no {name} ({error}): give --data-dir the folder that has {FOLDERS[name]}, or leave it "
                "out to download"
            ) from None
        classes = tuple(known.classes)
        files += [ImageFile(name=_below(root, path), label=label, part=part) for path, label in _items(known)]
    return Listing(root=root, files=tuple(sorted(files, key=lambda file: file.name)), classes=classes)


def download(name: DatasetName, root: Path) -> None:
    """Fetch a set as torchvision does, with its checksums."""
    for split in _SPLITS[name]:
        _class(name)(str(root), split=split, download=True)


_SPLITS = {
    DatasetName.OXFORD_PETS: {"trainval": Part.TRAIN, "test": Part.TEST},
    DatasetName.FLOWERS102: {"train": Part.TRAIN, "val": Part.VAL, "test": Part.TEST},
}


def _class(name: DatasetName) -> Any:
    from torchvision import datasets

    return datasets.OxfordIIITPet if name == DatasetName.OXFORD_PETS else datasets.Flowers102


def _items(known: Any) -> list[tuple[Path, int]]:
    """Return the path and label of each image. They are private there, and nothing public has the paths."""
    paths = known._images if hasattr(known, "_images") else known._image_files
    return list(zip(map(Path, paths), map(int, known._labels), strict=True))


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
