"""The file that `recipe.weights` names, and its digest, which is part of the run. Imports no torch."""

import hashlib
from pathlib import Path

from resnet_lab.errors import UserError
from resnet_lab.provenance import MODEL_FILE

NONE, TORCHVISION = "none", "torchvision"
_MARK = "#"  # between a path and the digest of its content
_DIGITS = 12


def resolve_weights(weights: str) -> str:
    """Return `recipe.weights` with the digest of the file: PATH#DIGEST, so that another file is another run.

    Raises UserError where there is no such file, or its content is not that of a digest given.
    """
    if weights in (NONE, TORCHVISION):
        return weights
    name, _, digest = weights.partition(_MARK)
    path = _file(Path(name))
    found = _digest(path)
    if digest and digest != found:
        raise UserError(f"{path} has changed: its SHA-256 begins with {found}, and recipe.weights says {digest}")
    return f"{path.absolute()}{_MARK}{found}"


def file_of(weights: str) -> Path:
    """Return the path of weights that `resolve_weights` returned, whose content is still the same. Raises UserError."""
    return Path(resolve_weights(weights).partition(_MARK)[0])


def _file(path: Path) -> Path:
    path = path / MODEL_FILE if path.is_dir() else path
    if not path.is_file():
        raise UserError(f"recipe.weights={path} is no file: give none, torchvision, or the path of a checkpoint")
    return path


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS]
    except OSError as error:
        raise UserError(f"recipe.weights={path} cannot be read ({error.strerror}): check the path") from None
