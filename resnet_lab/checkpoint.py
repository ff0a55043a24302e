"""Checkpoints to keep: safetensors with the spec as metadata."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from resnet_lab.data.catalog import CATALOG
from resnet_lab.data.images import ImageData
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.provenance import Provenance, provenance_from, provenance_to
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten, from_json, to_json
from resnet_lab.system import atomic

MODEL_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A trained network and the run that made it; `provenance` is None where this project trained it."""

    spec: RunSpec
    model: nn.Module
    sha256: str
    provenance: Provenance | None = None

    def prepare(self, data: ImageData) -> ImageData:
        """Return the data with the normalisation this network was trained with: its own, or that it was kept with."""
        kept = self.provenance.normalisation if self.provenance else None
        if kept is None:
            return data
        return replace(data, mean=data.mean.new_tensor(kept.mean), std=data.std.new_tensor(kept.std))


def save_model(folder: Path, spec: RunSpec, model: nn.Module, provenance: Provenance | None = None) -> str:
    """Write `model.safetensors` and its SHA-256 into the folder, atomically. Returns the digest.

    `provenance` is for networks from elsewhere, whose classes and normalisation are not those of `spec.data`.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    # One entry only: safetensors writes several in a random order, and equal runs must give equal bytes.
    metadata = {"spec": to_json(spec)}
    if provenance is not None:
        metadata = {"imported": json.dumps({"spec": flatten(spec), "provenance": provenance_to(provenance)})}
    return atomic.write_with_digest(folder / MODEL_FILE, save(tensors, metadata=metadata))


def load_model(path: Path) -> Checkpoint:
    """Read a checkpoint from its file or folder, in eval mode.

    Raises UserError where it is missing, truncated or altered (its SHA-256 differs), or holds no spec.
    """
    path = path / MODEL_FILE if path.is_dir() else path
    digest = _verified_digest(path)
    try:
        with safe_open(path, framework="pt") as file:
            spec, provenance = _described(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except (SafetensorError, KeyError, UserError) as error:
        raise UserError(f"{path} is not a checkpoint of this project ({error}): give a model.safetensors") from None
    info = provenance or CATALOG[spec.data.name]
    model = build_network(spec.model, channels=info.channels, classes=info.classes)
    try:
        model.load_state_dict(tensors)
    except RuntimeError:  # its message takes a line for each tensor
        raise UserError(f"{path} holds other tensors than its spec builds: it was altered; train again") from None
    return Checkpoint(spec=spec, model=model.eval(), sha256=digest, provenance=provenance)


def _described(metadata: dict[str, str]) -> tuple[RunSpec, Provenance | None]:
    """Read what the metadata says of the tensors. Raises KeyError or UserError where it says nothing valid."""
    if "imported" not in metadata:
        return from_json(metadata["spec"]), None
    try:
        content = json.loads(metadata["imported"])
        spec, provenance = content["spec"], content["provenance"]
    except (json.JSONDecodeError, TypeError):
        raise UserError("its metadata is not JSON") from None
    return from_json(json.dumps(spec)), provenance_from(provenance)


def _verified_digest(path: Path) -> str:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path} ({error.strerror}): check the path") from None
    kept = atomic.digest_path(path)
    if kept.exists() and not kept.read_bytes().startswith(digest.encode()):
        raise UserError(f"{path} has changed since it was written: its SHA-256 is not that in {kept.name}; train again")
    return digest
