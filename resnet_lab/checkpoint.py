"""Checkpoints: safetensors with the spec as metadata, and their SHA-256."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from resnet_lab.data.augment import normalise
from resnet_lab.data.catalog import shape_of
from resnet_lab.data.images import ImageData
from resnet_lab.errors import UserError, refer
from resnet_lab.networks import build_network
from resnet_lab.networks.at_test import scale_for_test
from resnet_lab.provenance import (
    MODEL_FILE,
    Provenance,
    SeenImages,
    provenance_from,
    provenance_to,
    seen_images_from,
)
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten, from_json, to_json
from resnet_lab.spec.protocol import normalise_of
from resnet_lab.system import atomic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BATCH = 256
"""Images that are predicted at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A trained network and the run that made it; `provenance` is None where this project trained it."""

    spec: RunSpec
    model: nn.Module
    sha256: str
    provenance: Provenance | None = None
    images: SeenImages | None = None
    """What it was trained on; None for networks from elsewhere, and for those of versions that did not record it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class, in the order of `predict_proba`; () where classes go by their number."""
        return self.images.class_names if self.images else ()

    def predict(self, images: "ArrayLike") -> "NDArray[np.int64]":
        """Return the class of each image, int64 [N]; see `predict_proba`."""
        classes: NDArray[np.int64] = self.predict_proba(images).argmax(1)
        return classes

    def predict_proba(self, images: "ArrayLike") -> "NDArray[np.float32]":
        """Return the probability of each class, float32 [N, classes], of uint8 [N, H, W, C], or [N, H, W] if grey.

        The images are normalised as in training. Raises UserError for images of another kind, size or channels than the
        network was trained on, and where the checkpoint does not hold how they are normalised.
        """
        return _probabilities(self, images)

    def prepare(self, data: ImageData) -> ImageData:
        """Return the data with the normalisation this network was trained with: its spec's, or its provenance's."""
        own = self.provenance.normalisation if self.provenance else None
        if own is None:
            return data.normalised(normalise_of(self.spec))
        return replace(data, mean=data.mean.new_tensor(own.mean), std=data.std.new_tensor(own.std), normalise=None)


def _probabilities(checkpoint: Checkpoint, images: "ArrayLike") -> "NDArray[np.float32]":
    """Return float32 [N, classes] of uint8 [N, H, W, C], or [N, H, W] if grey. Raises UserError for other images."""
    mean, std = _normalisation(checkpoint)
    pixels = torch.from_numpy(_checked(checkpoint, np.asarray(images)))
    device = next(checkpoint.model.parameters()).device
    found = []
    with torch.inference_mode():
        for part in torch.split(pixels, BATCH):
            logits = checkpoint.model(normalise(part.to(device), mean.to(device), std.to(device)))
            found.append(logits.float().softmax(1).cpu())
    joined: NDArray[np.float32] = torch.cat(found).numpy()
    return joined


def _normalisation(checkpoint: Checkpoint) -> tuple[torch.Tensor, torch.Tensor]:
    own = checkpoint.images or (checkpoint.provenance and checkpoint.provenance.normalisation)
    if not own:
        raise UserError(
            "the checkpoint does not hold how its images were normalised, since an earlier version wrote it or it was "
            "imported without: train again, or use python -m resnet_lab.evaluate, which has the data set"
        )
    return torch.tensor(own.mean, dtype=torch.float32), torch.tensor(own.std, dtype=torch.float32)


def _checked(checkpoint: Checkpoint, images: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Return the images as uint8 [N, H, W, C], contiguous."""
    channels = (checkpoint.provenance or shape_of(checkpoint.spec)).channels
    size = checkpoint.images.size if checkpoint.images else None
    side = f"{size}x{size}" if size else "HxW"
    wanted = f"uint8 [N, {side.replace('x', ', ')}, {channels}] in 0..255"
    if images.dtype != np.uint8:
        raise UserError(f"the images are {images.dtype}, and the network was trained on {wanted}: convert them")
    if images.ndim == 3 and channels == 1:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] != channels or (size and images.shape[1:3] != (size, size)):
        raise UserError(f"the images are {list(images.shape)}, and the network was trained on {wanted}: resize them")
    if not len(images):
        raise UserError(f"there are no images: give {wanted}")
    return np.ascontiguousarray(images)


def save_model(
    folder: Path,
    spec: RunSpec,
    model: nn.Module,
    provenance: Provenance | None = None,
    images: SeenImages | None = None,
) -> str:
    """Write `model.safetensors` and its SHA-256 into the folder, atomically. Returns the digest.

    `provenance` is for networks from elsewhere, whose classes and normalisation are not those of `spec.data`; `images`
    are what it was trained on, without which it cannot `predict`.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    # One entry only: safetensors writes several in a random order, and equal runs must give equal bytes.
    metadata = {"spec": to_json(spec)}
    if images is not None:
        metadata = {"trained": json.dumps({"spec": flatten(spec), "images": asdict(images)})}
    if provenance is not None:
        metadata = {"imported": json.dumps({"spec": flatten(spec), "provenance": provenance_to(provenance)})}
    return atomic.write_with_digest(folder / MODEL_FILE, save(tensors, metadata=metadata))


def load_model(path: str | Path) -> Checkpoint:
    """Read a checkpoint from its file or folder, in eval mode.

    Raises UserError where it is missing, truncated or altered (its SHA-256 differs), or holds no spec.
    """
    path = Path(path)
    path = path / MODEL_FILE if path.is_dir() else path
    content = read_plain(path)
    digest = _verified_digest(path, content)
    try:
        tensors, metadata = parse_safetensors(content)
    except SafetensorError as error:
        raise _foreign(path, error) from None
    return from_tensors(path, tensors, metadata, digest)


def read_plain(path: Path) -> bytes:
    """Return the content of a checkpoint's file. Raises UserError where it is none: a pipe or a device has no end."""
    try:
        if not path.is_file():
            path.stat()  # says why, where there is nothing
            raise UserError(f"{path} is no file: give the file of a checkpoint")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path} ({error.strerror}): check the path") from None


def parse_safetensors(content: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors by name, sorted, and the metadata of a safetensors file. Raises SafetensorError."""
    try:
        tensors = load(content)
    except SafetensorError as error:  # worded as by `safe_open`, which would read the file again
        raise SafetensorError(str(error).replace("deserializing:", "deserializing header:", 1)) from None
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (ValueError, RecursionError) as error:
        raise SafetensorError(f"its header is no plain JSON ({type(error).__name__})") from None
    return dict(sorted(tensors.items())), header.get("__metadata__") or {}


def from_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], sha256: str) -> Checkpoint:
    """Build the network of a checkpoint that was read from `path`, in eval mode.

    Raises UserError where the metadata holds no spec, or the tensors are not those that it builds.
    """
    try:
        spec, provenance, images = _described(metadata)
    except (KeyError, UserError) as error:
        raise _foreign(path, error) from None
    info = provenance or shape_of(spec)
    _check_shapes(path, tensors, _shapes(path, spec, info.channels, info.classes))
    model = build_network(spec.model, channels=info.channels, classes=info.classes)
    model.load_state_dict(tensors)
    scale_for_test(model, spec.recipe)
    return Checkpoint(spec=spec, model=model.eval(), sha256=sha256, provenance=provenance, images=images)


def _shapes(path: Path, spec: RunSpec, channels: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a spec's tensors. They take no memory: how large the network is, only the file claims."""
    try:
        with torch.device("meta"):
            network = build_network(spec.model, channels=channels, classes=classes)
    except (RuntimeError, OverflowError):
        raise UserError(f"{path} describes a network that cannot be built: it was altered; train again") from None
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _check_shapes(path: Path, tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != shapes:
        raise UserError(f"{path} holds other tensors than its spec builds: it was altered; train again")


def _foreign(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is not a checkpoint of this project ({error}): give a {MODEL_FILE}")


def _described(metadata: Mapping[str, str]) -> tuple[RunSpec, Provenance | None, SeenImages | None]:
    """Read spec, provenance and images of the tensors. Raises KeyError or UserError where the metadata is invalid."""
    kind = next((kind for kind in ("imported", "trained") if kind in metadata), None)
    if kind is None:
        return from_json(metadata["spec"]), None, None
    try:
        content = json.loads(metadata[kind])
        spec, rest = json.dumps(content["spec"]), content["provenance" if kind == "imported" else "images"]
    except (ValueError, TypeError, RecursionError):
        raise UserError("its metadata is not JSON") from None
    if kind == "imported":
        return from_json(spec), provenance_from(rest), None
    return from_json(spec), None, seen_images_from(rest)


def _verified_digest(path: Path, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    recorded = atomic.digest_path(path)
    if recorded.exists() and not recorded.read_bytes().startswith(digest.encode()):
        raise UserError(
            f"{path} has changed since it was written: its SHA-256 is not that in {recorded.name}; train again"
        )
    return digest


if __name__ == "__main__":
    refer("resnet_lab.checkpoint", "python -m resnet_lab.evaluate, or python -m resnet_lab.interchange")
