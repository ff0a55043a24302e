"""Arrays from what a callable of one's own returns, or what is handed to `train`: arrays, or torch Datasets."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.references import OwnPartError, resolve
from resnet_lab.data.own.arrays import KEYS, WANTED, WHOLE, OwnArrays, from_mapping
from resnet_lab.errors import UserError

TRIED = 4  # items of a Dataset that are read twice
RETURNED = f"a dict of the arrays {WANTED}; a torch Dataset; or a tuple of Datasets or (images, labels): train, test"


@lru_cache(maxsize=2)
def call(reference: str) -> OwnArrays:
    """Return the arrays that `module:callable`, called with nothing, gives. Raises UserError where it gives none."""
    try:
        made = resolve(reference)()
    except OwnPartError as error:
        raise UserError(str(error)) from None
    except Exception as error:  # anything may happen in a stranger's code
        raise UserError(f"{reference}() fails: {type(error).__name__}: {error}") from error
    return arrays_of(made, f"{reference.partition('@')[0]}()")


def arrays_of(given: Any, source: str) -> OwnArrays:
    """Return the arrays of a mapping, a torch Dataset, or a tuple of parts. Raises UserError for anything else."""
    if isinstance(given, OwnArrays):
        return given
    if isinstance(given, Mapping):
        return from_mapping({str(key): _array(value) for key, value in given.items()}, source)
    parts = [_pair(part) for part in _parts(given)]
    if not 1 <= len(parts) <= 3 or None in parts:
        raise UserError(f"{source} is {_kind(given)}: give {RETURNED}")
    names = {1: (WHOLE,), 2: (KEYS["train"], KEYS["test"]), 3: (KEYS["train"], KEYS["val"], KEYS["test"])}[len(parts)]
    pairs = [_arrays(part, source) for part in parts if part is not None]
    held = {key: value for keys, pair in zip(names, pairs, strict=True) for key, value in zip(keys, pair, strict=True)}
    return from_mapping(held | _names_of(given), source)


def _parts(given: Any) -> Sequence[Any]:
    """Return the parts of a tuple: itself, but for (x_train, y_train, x_test, y_test) and one (images, labels)."""
    if not isinstance(given, tuple):
        return [given]
    if all(_is_array(each) for each in given) and len(given) in (2, 4):
        return [tuple(given[:2]), tuple(given[2:])][: len(given) // 2]
    return given


def _pair(part: Any) -> Any:
    """Return a Dataset or a pair of arrays as it is, None for anything else."""
    if isinstance(part, tuple):
        return part if len(part) == 2 and all(map(_is_array, part)) else None
    return part if hasattr(part, "__getitem__") and hasattr(part, "__len__") and not _is_array(part) else None


def _arrays(part: Any, source: str) -> tuple[Any, Any]:
    return (_array(part[0]), _array(part[1])) if isinstance(part, tuple) else _read_items(part, source)


def _read_items(dataset: Any, source: str) -> tuple[NDArray[Any], list[int]]:
    """Read a Dataset's items, (image, label) each. Raises UserError where they are not that, or change."""
    _require_steady(dataset, source)
    images, labels = [], []
    for index in range(len(dataset)):
        image, label = _item(dataset, index, source)
        images.append(image)
        labels.append(label)
    if len({image.shape for image in images}) > 1:
        raise UserError(f"{source} has images of different shapes: let its transform resize them to one square")
    return np.stack(images), labels


def _item(dataset: Any, index: int, source: str) -> tuple[NDArray[Any], int]:
    try:
        image, label = dataset[index]
        return _array(image, images=3), int(label)
    except (TypeError, ValueError) as error:
        raise UserError(f"item {index} of {source} is not (image, class number): {error}") from None


def _require_steady(dataset: Any, source: str) -> None:
    for index in range(min(TRIED, len(dataset))):
        first, again = _item(dataset, index, source)[0], _item(dataset, index, source)[0]
        if not np.array_equal(first, again):
            raise UserError(
                f"{source} gives item {index} another image each time: leave random transforms out, "
                "recipe.augmentation draws them"
            )


def _array(given: Any, images: int = 4) -> NDArray[Any]:
    """Return an array, a tensor or a Pillow image as an array; a tensor of `images` dimensions has channels first."""
    if not hasattr(given, "detach"):
        return np.asarray(given)
    found = np.asarray(given.detach().cpu())
    return np.moveaxis(found, -3, -1) if found.ndim == images else found


def _is_array(given: Any) -> bool:
    return hasattr(given, "shape") and hasattr(given, "dtype")


def _names_of(given: Any) -> dict[str, Any]:
    """Return the class names that torchvision's Datasets have, of the (first) one."""
    first = given[0] if isinstance(given, tuple) else given
    classes = getattr(first, "classes", None)
    return {"class_names": classes} if isinstance(classes, list | tuple) else {}


def _kind(given: Any) -> str:
    return f"a {type(given).__name__}" + (f" of {len(given)}" if hasattr(given, "__len__") else "")
