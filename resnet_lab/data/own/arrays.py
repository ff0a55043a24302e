"""Arrays of images with labels, in parts: what they must be, their digest, and their split. Imports no torch."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnet_lab.data.catalog import info_of
from resnet_lab.data.photographs.contents import Contents
from resnet_lab.data.photographs.listing import Part
from resnet_lab.data.raw import RawImages
from resnet_lab.data.split import stratified_order
from resnet_lab.data.statistics import digest
from resnet_lab.errors import UserError
from resnet_lab.spec import DataSpec

KEYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"train": ("x_train", "y_train"), "val": ("x_val", "y_val"), "test": ("x_test", "y_test")}
)
WHOLE = ("images", "labels")
NAMES = "class_names"
WANTED = "x_train, y_train, x_test and y_test (x_val and y_val, too, where there are some), or images and labels"
MAX_CLASSES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnArrays:
    """Parts as they were given, the training part first, and the classes' names; `source` is what errors call them.

    Without a test or validation part `split` holds some of the training part out.
    """

    parts: Mapping[Part, RawImages]
    class_names: tuple[str, ...]
    source: str

    def contents(self) -> Contents:
        """Return counts, shape and a digest of names, pixels and labels."""
        counts = {part.value: len(self.parts[part].labels) if part in self.parts else 0 for part in Part}
        _, side, _, channels = self.parts[Part.TRAIN].pixels.shape
        content = f"{'|'.join(self.class_names)} {counts} {side} {channels} {digest(tuple(self.parts.values()))}"
        return Contents(
            classes=len(self.class_names),
            **counts,
            digest=hashlib.sha256(content.encode()).hexdigest()[:12],
            side=side,
            channels=channels,
        )

    def split(self, spec: DataSpec) -> dict[Part, RawImages]:
        """Return training, validation and test images, each class in proportion where they are split here.

        Raises UserError where the arrays are not those of `spec.contents`, or a part would be empty.
        """
        self._require_same(spec)
        info, parts = info_of(spec), dict(self.parts)
        if spec.split and Part.VAL in parts:
            raise UserError(f"{self.source} has validation images of its own: leave data.split out")
        if Part.TEST not in parts:
            parts[Part.TEST], parts[Part.TRAIN] = _cut(parts[Part.TRAIN], info.test, 0)
        held_out = 0 if Part.VAL in parts else info.val
        val, parts[Part.TRAIN] = _cut(parts[Part.TRAIN], held_out, spec.split)
        parts.setdefault(Part.VAL, val)
        if empty := [part.value for part in Part if not len(parts[part].labels)]:
            raise UserError(
                f"{self.source} has no {empty[0]} images: set data.val_share and data.test_share so that each part has "
                "some, or give it such a part"
            )
        return parts

    def _require_same(self, spec: DataSpec) -> None:
        if (found := str(self.contents())) != spec.contents:
            raise UserError(
                f"{self.source} holds {found}, but the run is of {spec.contents}: give the images it was begun with, "
                "or begin another run"
            )


def _cut(images: RawImages, first: int, seed: int) -> tuple[RawImages, RawImages]:
    """Return the first images of an order with each class in proportion, and the rest in it."""
    labels = images.labels.tolist()
    order = stratified_order(labels, [str(index) for index in range(len(labels))], seed)
    held, rest = (RawImages(images.pixels[rows], images.labels[rows]) for rows in np.split(order, [first]))
    return held, rest


def from_mapping(given: Mapping[str, Any], source: str) -> OwnArrays:
    """Return the arrays of a mapping by their usual names. Raises UserError for others, or what is no image or label.

    `x_train`, `y_train`, `x_test`, `y_test` and perhaps `x_val`, `y_val`; or `images` and `labels`, which are split;
    perhaps `class_names`. Images are uint8 [N, H, H] or [N, H, H, C], labels whole numbers from 0 [N].
    """
    known = {*WHOLE} if set(WHOLE) <= set(given) else {key for keys in KEYS.values() for key in keys}
    pairs = {Part.TRAIN: WHOLE} if known == {*WHOLE} else {Part(part): keys for part, keys in KEYS.items()}
    present = {part: keys for part, keys in pairs.items() if any(key in given for key in keys)}
    unread = sorted(set(given) - known - {NAMES})
    if unread or Part.TRAIN not in present or any(key not in given for keys in present.values() for key in keys):
        raise UserError(f"{source} holds {', '.join(sorted(given)) or 'nothing'}: name the arrays {WANTED}")
    parts = {part: _part(given, keys, source) for part, keys in present.items()}
    _require_one_shape(parts, source)
    return OwnArrays(parts=parts, class_names=_class_names(parts, given.get(NAMES), source), source=source)


def _part(given: Mapping[str, Any], keys: tuple[str, str], source: str) -> RawImages:
    (x, y), pixels = keys, as_pixels(given[keys[0]], f"{keys[0]} of {source}")
    labels = _as_labels(given[y], f"{y} of {source}")
    if len(pixels) != len(labels):
        raise UserError(f"{source} has {len(pixels)} images in {x} and {len(labels)} labels in {y}: give one for each")
    return RawImages(pixels, labels)


def as_pixels(given: Any, what: str) -> NDArray[np.uint8]:
    """Return images as uint8 [N, H, H, C]. Raises UserError, with the remedy, for what is not that but for its type.

    Numbers of another type are taken where they are whole from 0 to 255, and fractions where they are 255ths.
    """
    found = np.asarray(given)
    images = found[..., None] if found.ndim == 3 else found
    if images.ndim != 4 or not images.size or images.dtype.kind not in "uifb":
        raise UserError(f"{what} is {found.dtype} {list(found.shape)}: give images as uint8 [N, H, W] or [N, H, W, C]")
    if images.shape[1] in (1, 3) and images.shape[1] != images.shape[2] == images.shape[3]:
        raise UserError(f"{what} is {list(found.shape)}, channels first: give x.transpose(0, 2, 3, 1)")
    if images.shape[1] != images.shape[2] or images.shape[3] > images.shape[1]:
        raise UserError(f"{what} is {list(found.shape)}: give square images [N, H, H, C], cut or padded")
    return np.ascontiguousarray(_as_bytes(images, what))


def _as_bytes(images: NDArray[Any], what: str) -> NDArray[np.uint8]:
    if images.dtype == np.uint8:
        return images
    scaled = images * 255.0 if images.dtype.kind in "fb" and images.max() <= 1 else images
    rounded = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if not np.allclose(rounded, scaled, rtol=0, atol=1e-3):
        raise UserError(
            f"{what} goes from {images.min():g} to {images.max():g} in {images.dtype}: give uint8 from 0 to 255, not "
            "normalised (data.normalise does that)"
        )
    return rounded


def _as_labels(given: Any, what: str) -> NDArray[np.int64]:
    labels = np.asarray(given)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or labels.dtype.kind not in "ui" or not labels.min(initial=0) >= 0:
        raise UserError(
            f"{what} is {labels.dtype} {list(labels.shape)}: give each image the number of its class, from 0, such as "
            "numpy.unique(labels, return_inverse=True)[1]"
        )
    return labels.astype(np.int64)


def _require_one_shape(parts: Mapping[Part, RawImages], source: str) -> None:
    shapes = {part.value: list(images.pixels.shape[1:]) for part, images in parts.items()}
    if any(shape != shapes[Part.TRAIN.value] for shape in shapes.values()):
        raise UserError(f"{source} has images of different shapes, {shapes}: give one shape")


def _class_names(parts: Mapping[Part, RawImages], given: Any, source: str) -> tuple[str, ...]:
    """Return a name for each class, its number where none are given; each must have an image to train on."""
    most = max(int(images.labels.max(initial=0)) for images in parts.values()) + 1
    names = tuple(map(str, np.asarray(given).tolist())) if given is not None else tuple(map(str, range(most)))
    if most > len(names) or most > MAX_CLASSES:
        raise UserError(f"{source} has labels up to {most - 1} and {len(names)} class names: give a name for each")
    missing = sorted(set(range(len(names))) - set(parts[Part.TRAIN].labels.tolist()))
    if len(names) < 2 or missing:
        what = f"no training image of class {missing[0]}" if missing else "one class"
        raise UserError(f"{source} has {what}: number two or more classes from 0, without gaps")
    return names
