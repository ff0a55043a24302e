"""Export of a network to the names that torchvision, timm or public CIFAR code loads."""

import io
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import assert_never

import torch
from safetensors.torch import save
from torch import Tensor

from ablations.choices import Attention, BlockKind, BranchInit, Shortcut, StrideOn
from ablations.references import is_own
from ablations.spec import BlockSpec
from resnet_lab.checkpoint import Checkpoint, load_model
from resnet_lab.data.catalog import info_of
from resnet_lab.data.statistics import fixed_constants
from resnet_lab.errors import UserError
from resnet_lab.interchange.names import Format, to_foreign
from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.provenance import MODEL_FILE, Normalisation, normalisation_to
from resnet_lab.spec import ModelName, ModelSpec, NormaliseKind, Stem
from resnet_lab.spec.families import VGGS
from resnet_lab.system import atomic

IMAGENET_WIDTH = 64
NAMED_ALIKE = VGGS | {ModelName.DENSENET121, ModelName.IMAGENET_DENSENET}
"""Networks whose tensors have torchvision's names here."""
PICKLES = (".pt", ".pth", ".th")
SAFETENSORS = ".safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written; `normalisation` None is that of the data the network was trained on."""

    style: Format
    tensors: int
    sha256: str
    normalisation: Normalisation | None


def export_checkpoint(checkpoint: Path, out: Path) -> Exported:
    """Write a checkpoint of ours, from its file or folder, as `.pt`, `.pth`, `.th` or `.safetensors`.

    ImageNet ResNets, DenseNets and VGGs get torchvision's names (timm's with squeeze-and-excitation), CIFAR ResNets
    those of akamaster's files. Raises UserError where no other code builds the network, or a file cannot be read or
    written.
    """
    loaded = load_model(checkpoint)
    style = counterpart(loaded.spec.model)
    if any(block.test_factor != 1 for block in residual_blocks(loaded.model)):
        raise UserError(
            "others' code would run this network's branches unscaled: export one trained with "
            "recipe.effective_test=recalibrated or without effective_blocks"
        )
    if out.suffix not in (*PICKLES, SAFETENSORS):
        raise UserError(f"{out} must end in {', '.join(PICKLES)} or {SAFETENSORS}: give --out such a name")
    tensors = foreign_tensors(loaded, style)
    normalisation = _normalisation(loaded)
    content = _safetensors(tensors, normalisation) if out.suffix == SAFETENSORS else _pickle(tensors, style)
    try:
        digest = atomic.write_with_digest(out, content)
    except OSError as error:
        raise UserError(f"cannot write {out} ({error.strerror}): give --out another place") from None
    return Exported(style=style, tensors=len(tensors), sha256=digest, normalisation=normalisation)


def _normalisation(checkpoint: Checkpoint) -> Normalisation | None:
    """Return what the network's images were normalised with; None is the data's own. Raises UserError."""
    if checkpoint.provenance and checkpoint.provenance.normalisation:
        return checkpoint.provenance.normalisation
    match checkpoint.spec.data.normalise:
        case NormaliseKind.CHANNEL:
            return None
        case NormaliseKind.FIXED:
            mean, std = fixed_constants(checkpoint.spec.data.name, info_of(checkpoint.spec.data).channels)
            return Normalisation(mean=tuple(mean.tolist()), std=tuple(std.tolist()))
        case NormaliseKind.NONE:
            channels = (checkpoint.provenance or info_of(checkpoint.spec.data)).channels
            return Normalisation(mean=(0.0,) * channels, std=(1.0,) * channels)
        case NormaliseKind.PER_PIXEL:
            raise UserError(
                "this network was trained with data.normalise=per_pixel, and other code's files hold one mean for each "
                f"channel: keep its {MODEL_FILE}, or train with data.normalise=channel"
            )
    assert_never(checkpoint.spec.data.normalise)


def counterpart(spec: ModelSpec) -> Format:
    """Return the project whose code builds this network. Raises UserError where none does."""
    if spec.name in NAMED_ALIKE and (spec.name not in VGGS or spec.width == IMAGENET_WIDTH):
        return Format.TORCHVISION
    block = spec.block
    if spec.name not in (ModelName.CIFAR_RESNET, ModelName.IMAGENET_RESNET):
        raise UserError(f"{spec.name} has no counterpart in torchvision: keep its model.safetensors")
    # Names alone do not show these switches, so others' code would load the weights and compute something else.
    plain = replace(
        block,
        kind=BlockKind.BASIC,
        stride_on=StrideOn.CONV2,
        shortcut=Shortcut.A,
        attention=Attention.NONE,
        branch_init=BranchInit.NORMAL if block.branch_init == BranchInit.ZERO_LAST else block.branch_init,
    )
    if block.stride_on != StrideOn.CONV2:
        raise UserError("others' bottlenecks stride on the 3x3 convolution: keep this network's model.safetensors")
    changed = _changed(plain) | ({"shortcut"} if block.shortcut not in _THEIRS else set())
    changed |= {"kind"} if is_own(block.kind) else set()
    if changed:
        named = ", ".join(f"model.block.{name}={getattr(block, name)}" for name in sorted(changed))
        raise UserError(f"{named} has no form in torchvision or others' code: keep this network's model.safetensors")
    if spec.name == ModelName.CIFAR_RESNET:
        return _cifar(spec)
    if block.shortcut != Shortcut.B or spec.stem != Stem.IMAGENET or spec.width != IMAGENET_WIDTH:
        raise UserError("torchvision's ResNets have shortcut B, stem imagenet and width 64: this network differs")
    if block.attention == Attention.NONE:
        return Format.TORCHVISION
    if block.kind == BlockKind.BASIC:  # timm rounds the hidden channels up to 8
        raise UserError("timm's basic blocks squeeze to other widths: only SE bottlenecks can be exported")
    return Format.TIMM


_THEIRS = (Shortcut.A, Shortcut.B, Shortcut.C)


def _changed(block: BlockSpec) -> set[str]:
    """Return the fields of a block that are not the baseline's."""
    names = [field.name for field in fields(block)]
    return {name for name in names if getattr(block, name) != getattr(BlockSpec(), name)}


def _cifar(spec: ModelSpec) -> Format:
    if spec.stem != Stem.CIFAR or spec.block.attention != Attention.NONE:
        raise UserError("akamaster's CIFAR ResNets have a 3x3 stem and no attention: this network differs")
    return Format.AKAMASTER


def foreign_tensors(checkpoint: Checkpoint, style: Format) -> dict[str, Tensor]:
    """Return the network's tensors under another project's names. Raises UserError for one that has none."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in checkpoint.model.state_dict().items():
        alike = checkpoint.spec.model.name in NAMED_ALIKE
        foreign = name if alike else to_foreign(name, style)
        if foreign is None:
            raise UserError(f"{name} has no name in {style}'s networks: this network cannot be exported")
        tensors[foreign] = tensor.detach().cpu().contiguous()
    return tensors


def _safetensors(tensors: dict[str, Tensor], normalisation: Normalisation | None) -> bytes:
    # One entry, as in resnet_lab.checkpoint; import reads it back.
    return save(tensors, metadata={"normalisation": normalisation_to(normalisation)})


def _pickle(tensors: dict[str, Tensor], style: Format) -> bytes:
    """torchvision loads a dictionary of tensors; akamaster's code wraps it, and its names, for DataParallel."""
    content: object = tensors
    if style == Format.AKAMASTER:
        content = {"state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()}}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
