"""Text and JSON of the import and export commands."""

from pathlib import Path

from ablations.choices import Shortcut
from resnet_lab.interchange.coverage import Coverage
from resnet_lab.interchange.exporting import Exported
from resnet_lab.interchange.importing import Imported
from resnet_lab.interchange.names import Format
from resnet_lab.provenance import Normalisation, Provenance, provenance_to
from resnet_lab.spec import ModelName, ModelSpec
from resnet_lab.spec.families import VGGS, WITH_BLOCKS
from resnet_lab.spec.fields import flatten

_UNSEEN = "activation, pooling, anti-aliasing, stride and output stride"
_ASSUMED = "torchvision's (ReLU, average pooling, no anti-aliasing, stride on the 3x3, 32)"
Report = tuple[dict[str, object], list[str]]


def describe_coverage(coverage: Coverage, nearest: str | None = None) -> Report:
    """Report a load that was refused; `nearest` is the network that was compared where the file's own is not known."""
    content: dict[str, object] = {"coverage": coverage.as_dict()}
    if nearest is not None:
        return content | {"nearest": nearest}, [f"nearest network: {nearest}", *coverage.lines()]
    if not coverage.tensors:
        return content, ["nearest network: none, no tensor of the file fits one", *coverage.lines()]
    return content, coverage.lines()


def describe_import(imported: Imported, out: Path) -> Report:
    """Report a network that was imported into a folder."""
    provenance = imported.provenance
    notes = _notes(imported.spec, provenance)
    content: dict[str, object] = {
        "out": str(out),
        "model": flatten(imported.spec),
        **provenance_to(provenance),
        "coverage": imported.coverage.as_dict(),
        "notes": notes,
    }
    style = provenance.origin.format if provenance.origin else Format.RESNET_LAB
    ends = f"{provenance.channels} channels, {provenance.classes} classes"
    head = f"{_named(imported.spec)}, {ends}, from a file of format {style}"
    normalisation = _normalised(provenance.normalisation)
    return content, [head, *imported.coverage.lines(), normalisation, *notes, f"written to {out}"]


def describe_export(exported: Exported, out: Path) -> Report:
    """Report a network that was exported to a file."""
    mean_and_std = exported.normalisation
    content: dict[str, object] = {
        "out": str(out),
        "format": exported.style.value,
        "tensors": exported.tensors,
        "sha256": exported.sha256,
        "normalisation": mean_and_std and {"mean": mean_and_std.mean, "std": mean_and_std.std},
    }
    head = f"{exported.tensors} tensors written to {out} with {exported.style}'s names"
    return content, [head, _normalised(mean_and_std)]


def _named(spec: ModelSpec) -> str:
    if spec.name in VGGS | {ModelName.IMAGENET_DENSENET}:
        return f"{spec.name} {spec.depth}"
    if spec.name not in WITH_BLOCKS:
        return spec.name
    block = spec.block
    attention = "" if block.attention == "none" else f" {block.attention}"
    return f"{spec.name} {spec.depth}, {block.kind}{attention} blocks, width {spec.width}, shortcut {block.shortcut}"


def _normalised(normalisation: Normalisation | None) -> str:
    if normalisation is None:
        return "normalisation: the data's own mean and std"
    mean, std = (" ".join(map(str, numbers)) for numbers in (normalisation.mean, normalisation.std))
    return f"normalisation: mean {mean}, std {std}"


def _notes(spec: ModelSpec, provenance: Provenance) -> list[str]:
    notes, origin, probed = [], provenance.origin, provenance.probed
    if probed is not None:
        images = f"{probed.images} image{'s' if probed.images > 1 else ''}"
        notes.append(f"probe: {images}, largest relative difference {probed.difference:.1e}")
    elif origin and origin.format != Format.RESNET_LAB:
        notes.append(
            f"note: {_UNSEEN} have no tensors, so a file cannot show them; {_ASSUMED} are assumed: --probe proves it"
        )
    if origin and origin.format == Format.AKAMASTER and spec.block.shortcut == Shortcut.A:
        notes.append("note: shortcut A has no tensors, so a file cannot show whether it is a plain net; A is assumed")
    if origin and origin.matched < origin.tensors:
        filled = f"{origin.matched} of {origin.tensors} tensors came from {origin.file}"
        notes.append(f"note: this network was loaded in part, {filled}; the rest is random")
    return notes
