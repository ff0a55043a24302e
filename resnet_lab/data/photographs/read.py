"""Reading of photographs: listed, decoded, left out where unreadable, and split, as memory-mapped uint8 arrays."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnet_lab.data.catalog import DatasetInfo, info_of
from resnet_lab.data.photographs.contents import Contents
from resnet_lab.data.photographs.decode import UnreadableError, decode
from resnet_lab.data.photographs.digests import digests
from resnet_lab.data.photographs.listing import ImageFile, Listing, Part
from resnet_lab.data.photographs.store import Stored, key_of, stored
from resnet_lab.data.raw import RawImages
from resnet_lab.data.split import stratified_order
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec, Resize
from resnet_lab.system.environment import cores

VERSION = 1  # bump where equal files would be decoded to other pixels
SIZE = 224
RIM = 16 / 224  # of the size, on each side: 256 for 224
SHOWN = 10  # unreadable files that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """Decoded images in the order of `files`, those that are readable; `unreadable` says why of the others."""

    listing: Listing
    pixels: NDArray[np.uint8]
    unreadable: dict[str, str]
    key: str

    @property
    def files(self) -> list[ImageFile]:
        return [file for file in self.listing.files if file.name not in self.unreadable]

    def contents(self) -> Contents:
        """Return counts and digest of the readable images."""
        parts, known = Counter(file.part for file in self.files), digests(self.listing)
        lines = "".join(f"{file.part} {file.label} {file.name} {known[file.name]}\n" for file in self.files)
        names = "\n".join(self.listing.classes)
        return Contents(
            classes=len(self.listing.classes),
            train=parts[Part.TRAIN],
            val=parts[Part.VAL],
            test=parts[Part.TEST],
            digest=hashlib.sha256(f"{names}\n{lines}".encode()).hexdigest()[:12],
        )

    def report(self) -> list[str]:
        """Return the lines that name and count what is left out; none where everything was read."""
        if not self.unreadable:
            return []
        shown = [f"  {name}: {reason}" for name, reason in list(self.unreadable.items())[:SHOWN]]
        more = len(self.unreadable) - len(shown)
        counted = f"{len(self.unreadable)} of {len(self.listing.files)} files in {self.listing.root}"
        head = f"{counted} hold no image and are left out:"
        return [head, *shown, *([f"  and {more} more"] if more else [])]


def margin_of(spec: DataSpec) -> int:
    """Return the pixels of rim on each side that are stored for random crops."""
    return round((spec.size or SIZE) * RIM) if spec.resize == Resize.CROP else 0


def decoded(spec: DataSpec, listing: Listing) -> Photographs:
    """Decode the files of a listing, or find them decoded. Raises UserError where a class is left without images."""
    side = (spec.size or SIZE) + 2 * margin_of(spec)
    known = digests(listing)
    key = key_of(VERSION, side, spec.resize, [(file.name, known[file.name]) for file in listing.files])
    kept: Stored = stored(key, (side, side, 3), lambda: _decode_all(listing, side, spec.resize))
    found = Photographs(listing=listing, pixels=kept.pixels, unreadable=kept.notes["unreadable"], key=key)
    _require_images(found, spec)
    return found


def _decode_all(listing: Listing, side: int, how: Resize) -> tuple[Iterator[NDArray[np.uint8]], dict[str, Any]]:
    """Return the rows of the readable files, decoded as they are asked for, and a note that fills with the others."""
    unreadable: dict[str, str] = {}
    shown = _counter(len(listing.files))

    def one(file: ImageFile) -> NDArray[np.uint8] | str:
        try:
            return decode(listing.root / file.name, side, how)
        except UnreadableError as error:
            return str(error)

    def rows() -> Iterator[NDArray[np.uint8]]:
        block = 64 * cores()  # decoded ahead: a map over all files would hold all of them
        with ThreadPoolExecutor(cores()) as pool:
            for start in range(0, len(listing.files), block):
                files = listing.files[start : start + block]
                for file, row in zip(files, pool.map(one, files), strict=True):
                    if isinstance(row, str):
                        unreadable[file.name] = row
                    else:
                        yield row
                shown(start + len(files))

    return rows(), {"unreadable": unreadable}


def _counter(total: int) -> Any:
    """Return what shows on a terminal how many files are decoded, so that a large folder is not silent."""

    def show(done: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\rdecoding images once: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)

    return show


def _require_images(found: Photographs, spec: DataSpec) -> None:
    """Raise UserError where a class has no image to train on, or a published set is not whole."""
    if spec.name != DatasetName.FOLDER and found.unreadable:
        raise UserError(
            f"{spec.name} is damaged. {' '.join(found.report())}: put intact files there, or download again"
        )
    seen = {file.label for file in found.files if file.part == Part.TRAIN}
    empty = [name for label, name in enumerate(found.listing.classes) if label not in seen]
    if empty:
        raise UserError(
            f"no image of {', '.join(empty)} can be read: mend the files, or remove the class from the folder"
        )


def split(spec: DataSpec, photographs: Photographs) -> dict[Part, RawImages]:
    """Return the parts, each class in proportion where they are split here; training images in random order.

    Raises UserError where the folder is not what `spec.contents` says, or a part would be empty.
    """
    info = info_of(spec)
    _require_same(spec, photographs)
    _require_parts(spec, info)
    if spec.split and photographs.listing.count(Part.VAL):
        raise UserError(f"{spec.name} has validation images of its own: leave data.split out")
    files = photographs.files
    order = {part: np.array([i for i, file in enumerate(files) if file.part == part], dtype=np.int64) for part in Part}
    if not len(order[Part.TEST]):
        order[Part.TEST], order[Part.TRAIN] = np.split(_shuffled(files, order[Part.TRAIN], 0), [info.test])
    order[Part.TRAIN] = _shuffled(files, order[Part.TRAIN], spec.split)
    if not len(order[Part.VAL]):
        order[Part.VAL], order[Part.TRAIN] = np.split(order[Part.TRAIN], [info.val])
    return _arranged(photographs, order)


def _shuffled(files: list[ImageFile], chosen: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    labels, names = [files[index].label for index in chosen], [files[index].name for index in chosen]
    return chosen[stratified_order(labels, names, seed)]


def _arranged(photographs: Photographs, order: dict[Part, NDArray[np.int64]]) -> dict[Part, RawImages]:
    """Return the parts side by side in one stored array, so that each is a stretch of mapped memory."""
    rows = np.concatenate([order[part] for part in Part])
    labels = np.array([file.label for file in photographs.files], dtype=np.int64)[rows]
    pixels = photographs.pixels
    key = key_of("arranged", photographs.key, hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest())
    kept = stored(key, pixels.shape[1:], lambda: ((pixels[row] for row in rows), {}))
    ends = np.cumsum([len(order[part]) for part in Part])[:-1]
    return {
        part: RawImages(pixels=each, labels=named)
        for part, each, named in zip(Part, np.split(kept.pixels, ends), np.split(labels, ends), strict=True)
    }


def _require_same(spec: DataSpec, photographs: Photographs) -> None:
    if spec.name == DatasetName.FOLDER and str(photographs.contents()) != spec.contents:
        raise UserError(
            f"{photographs.listing.root} holds {photographs.contents()}, but the run is of {spec.contents}: give "
            "--data-dir the folder it was begun with, or begin another run"
        )


def _require_parts(spec: DataSpec, info: DatasetInfo) -> None:
    counts = {"training": info.train, "validation": info.val, "test": info.test}
    for part, count in counts.items():
        if count < 1:
            raise UserError(
                f"{spec.name} has {count} {part} images: set data.val_share and data.test_share so that each part has "
                "some, or give the folder a val/ and a test/"
            )
