"""Tensor files: reading a checkpoint without running its code, and refusing what is damaged.

A pickle can run anything when it is read, so torch reads it with weights_only=True. Neither that nor safetensors
notices a flipped bit: every checksum at hand is verified first.
"""

import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from resnet_lab.checkpoint import parse_safetensors, read_plain
from resnet_lab.errors import UserError
from resnet_lab.system import atomic

# Where training scripts keep the weights in the dictionary they save, in order of preference.
CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "state_dict_ema", "model_ema")
# torch.hub's convention: the name ends in the first 8 digits of the file's SHA-256. Digits alone are a date.
_PROMISE = re.compile(r"-(?=\d*[a-f])([0-9a-f]{8})\.\w+$")
_REMEDY = "download or export it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFile:
    """The tensors of a file by name, its safetensors metadata, and its SHA-256."""

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    sha256: str


def read_tensors(path: Path) -> TensorFile:
    """Read a .safetensors file, or a .pt, .pth or .th pickle as weights only.

    Raises UserError, in one line, where it is missing, empty, truncated, altered, no checkpoint, or a pickle that
    asks for anything but tensors and plain values; none of its code runs.
    """
    content = _content(path)
    sha256 = _verified(path, content)
    metadata: Mapping[str, str] = {}
    if content[8:9] == b"{":  # eight bytes of length, then JSON
        tensors, metadata = _safetensors(path, content)
    else:
        tensors = _weights(path, _unpickle(path, content))
    if any(tensor.nbytes > len(content) for tensor in tensors.values()):
        raise UserError(f"{path} is no sound checkpoint, a tensor in it is larger than the file: {_REMEDY}")
    return TensorFile(path=path, tensors=tensors, metadata=metadata, sha256=sha256)


def _content(path: Path) -> bytes:
    content = read_plain(path)
    if not content:
        raise UserError(f"{path} is empty: {_REMEDY}")
    return content


def _verified(path: Path, content: bytes) -> str:
    """Return the SHA-256 after comparing it with `<name>.sha256` and with the digits in the file's name."""
    digest = hashlib.sha256(content).hexdigest()
    recorded = atomic.digest_path(path)
    if recorded.exists() and not recorded.read_bytes().startswith(digest.encode()):
        raise UserError(f"{path} is truncated or altered, its SHA-256 is not that in {recorded.name}: {_REMEDY}")
    promise = _PROMISE.search(path.name)
    if promise and not digest.startswith(promise[1]):
        raise UserError(
            f"{path} is truncated or altered, its SHA-256 does not begin with the {promise[1]} of its name: "
            f"{_REMEDY}, or rename it if those digits are no checksum"
        )
    return digest


def _safetensors(path: Path, content: bytes) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    try:
        return parse_safetensors(content)
    except SafetensorError as error:
        raise UserError(f"{path} is truncated or no safetensors file ({_line(error)}): {_REMEDY}") from None


def _unpickle(path: Path, content: bytes) -> object:
    try:
        _check_zip(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the format of old files, which is what was asked for
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can fail in any way there is
        if "weights_only" in str(error) or "Unsupported" in str(error):
            reason = "it is damaged, or asks for more than tensors and plain values, which could run its code"
        else:
            reason = "it is truncated, damaged or something else"
        raise UserError(f"{path} is not a checkpoint that can be read safely, {reason}: {_REMEDY}") from None


def _check_zip(content: bytes) -> None:
    """Raise zipfile.BadZipFile where a record does not have its CRC-32; torch's own reader does not look."""
    if not content.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(damaged)


def _weights(path: Path, content: object) -> dict[str, Tensor]:
    """Find the dictionary of tensors: the content itself, or what lies under a usual name in it."""
    places = [content]
    if isinstance(content, Mapping):
        places = [content[name] for name in CONTAINERS if isinstance(content.get(name), Mapping)] + places
    for place in places:
        if isinstance(place, Mapping):
            tensors = {str(name): value for name, value in place.items() if _is_plain(value)}
            if tensors:
                return tensors
    raise UserError(f"{path} holds no tensors by name: give a file that keeps a state_dict")


def _is_plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
