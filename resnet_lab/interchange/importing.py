"""Import of a checkpoint file as a network of this project, with its load coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from resnet_lab.checkpoint import from_tensors, save_model
from resnet_lab.data.catalog import shape_of
from resnet_lab.errors import UserError
from resnet_lab.interchange.coverage import Coverage, compare, matching
from resnet_lab.interchange.files import TensorFile, read_tensors
from resnet_lab.interchange.infer import READS, Inferred, infer
from resnet_lab.interchange.names import Format, Normalise, bare, translate
from resnet_lab.interchange.nearest import nearest
from resnet_lab.interchange.relatives import differences
from resnet_lab.networks import build_network
from resnet_lab.provenance import IMAGENET, MODEL_FILE, Normalisation, Origin, Provenance, normalisation_from
from resnet_lab.spec import ModelName, ModelSpec, RunSpec
from resnet_lab.spec.fields import CONFIG_FILE, to_json
from resnet_lab.system import atomic

COVERAGE_FILE = "coverage.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A network from elsewhere, in eval mode, with the run under which this project keeps it."""

    run: RunSpec
    model: nn.Module
    coverage: Coverage
    provenance: Provenance

    @property
    def spec(self) -> ModelSpec:
        return self.run.model


class UnfilledError(UserError):
    """A file that cannot be loaded; `coverage` is how much of a network it fills.

    `nearest` is that network's name where the file is of none known here; None: of its own, or of no network.
    """

    def __init__(self, message: str, coverage: Coverage, nearest: str | None = None) -> None:
        super().__init__(message)
        self.coverage, self.nearest = coverage, nearest


class IncompleteError(UnfilledError):
    """A file that fills its network only in part; `others` is what sets its own network apart, where that is known."""

    def __init__(self, path: Path, coverage: Coverage, others: Sequence[str] = ()) -> None:
        what = f"{path} matches only {coverage.matched} of the network's {coverage.tensors} tensors"
        if coverage.matched == coverage.tensors:
            what = f"{path} holds {len(coverage.unexpected)} tensors that the network has no place for"
        remedy = "give the file this network was saved to, or accept that with --allow-partial"
        if others:
            remedy = f"its network has {_listed(others)}, which this project does not have; {READS}"
        super().__init__(f"{what}: {remedy}", coverage)


def import_checkpoint(
    path: Path,
    *,
    format: Format = Format.AUTO,  # the option's own name
    normalise: Normalise = Normalise.AUTO,
    allow_partial: bool = False,
) -> Imported:
    """Read another project's network, or one of ours from its file or folder.

    Raises IncompleteError, which carries the coverage, where not every tensor of network and file found the other and
    `allow_partial` is false; UnfilledError, which carries that of the nearest network, where the file is of none known
    here; UserError where it is damaged or unsafe to read.
    """
    if path.is_dir():
        path = path / MODEL_FILE
    file = read_tensors(path)
    if file.metadata.keys() & {"spec", "imported", "trained"}:
        _check_format(path, format, (Format.RESNET_LAB,))
        return _own(file, normalise)
    bared = bare(file.tensors)
    names = translate(bared)
    given = {ours: file.tensors[name] for name, ours in names.items()}
    others = differences({inner: file.tensors[name] for name, inner in bared.items()})
    unnamed = [name for name in file.tensors if name not in names]
    inferred = _inferred(path, given, unnamed, others)
    formats = _formats(inferred.run.model, given)
    _check_format(path, format, formats)
    coverage = compare(_skeleton(inferred), given, unnamed)
    if not (coverage.complete or allow_partial):
        raise IncompleteError(path, coverage, others)
    model = _build(inferred)
    _fill(model, given)
    provenance = Provenance(
        channels=inferred.channels,
        classes=inferred.classes,
        normalisation=_normalisation(file, inferred.channels, normalise),
        origin=_origin(file, formats[0] if format == Format.AUTO else format, coverage),
    )
    return Imported(run=inferred.run, model=model, coverage=coverage, provenance=provenance)


def write(imported: Imported, folder: Path) -> str:
    """Write what a trial's folder has, for `load_model` to read, and coverage.json. Returns the model's SHA-256.

    Raises UserError where the folder keeps a network that was trained here, or cannot be written.
    """
    if (folder / MODEL_FILE).exists() and not (folder / COVERAGE_FILE).exists():
        raise UserError(f"{folder} keeps a network that was trained here: give --out another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = save_model(folder, imported.run, imported.model, imported.provenance)
        atomic.write(folder / CONFIG_FILE, to_json(imported.run).encode())
        atomic.write_json(folder / COVERAGE_FILE, imported.coverage.as_dict())
    except OSError as error:
        raise UserError(f"cannot write to {folder} ({error.strerror}): give --out another folder") from None
    return digest


def _inferred(path: Path, given: Mapping[str, Tensor], unnamed: Sequence[str], others: Sequence[str]) -> Inferred:
    """Infer the network. Raises UnfilledError with the coverage of the nearest one where there is none."""
    try:
        return infer(given, len(given) + len(unnamed))
    except UserError as error:
        message = str(error)
    if others:
        message = f"{path} is of a network with {_listed(others)}, which this project does not have: {READS}"
    name, coverage = nearest(given, unnamed)
    raise UnfilledError(message, coverage, name)


def _listed(phrases: Sequence[str]) -> str:
    return " and ".join([", ".join(phrases[:-1]), phrases[-1]] if len(phrases) > 1 else phrases)


def _own(file: TensorFile, normalise: Normalise) -> Imported:
    """Import a checkpoint of this project from the file that was read already."""
    checkpoint = from_tensors(file.path, file.tensors, file.metadata, file.sha256)
    info = shape_of(checkpoint.spec)
    coverage = compare(checkpoint.model, file.tensors)
    provenance = checkpoint.provenance or Provenance(
        channels=info.channels, classes=info.classes, origin=_origin(file, Format.RESNET_LAB, coverage)
    )
    if normalise != Normalise.AUTO:
        provenance = replace(provenance, normalisation=_normalisation(file, provenance.channels, normalise))
    return Imported(run=checkpoint.spec, model=checkpoint.model, coverage=coverage, provenance=provenance)


def _origin(file: TensorFile, style: Format, coverage: Coverage) -> Origin:
    counts = {"tensors": coverage.tensors, "matched": coverage.matched}
    return Origin(file=file.path.name, sha256=file.sha256, format=style, **counts)


def _formats(spec: ModelSpec, given: Mapping[str, Tensor]) -> tuple[Format, ...]:
    """Return the formats whose files look like this, the likeliest first."""
    if spec.name == ModelName.CIFAR_RESNET:
        return (Format.AKAMASTER,)
    # The two write the same names but for what only timm has.
    timm_only = any(".se1." in name for name in given)
    return (Format.TIMM,) if timm_only else (Format.TORCHVISION, Format.TIMM)


def _check_format(path: Path, wanted: Format, possible: tuple[Format, ...]) -> None:
    if wanted not in (Format.AUTO, *possible):
        raise UserError(f"{path} is of format {possible[0]}, not {wanted}: leave --format at auto")


def _normalisation(file: TensorFile, channels: int, wanted: Normalise) -> Normalisation | None:
    if wanted == Normalise.AUTO and "normalisation" in file.metadata:
        return normalisation_from(file.metadata["normalisation"])
    if wanted == Normalise.IMAGENET and channels != len(IMAGENET.mean):
        raise UserError(f"ImageNet's normalisation has 3 channels, the network {channels}: use --normalise data")
    return IMAGENET if wanted != Normalise.DATA and channels == len(IMAGENET.mean) else None


def _skeleton(inferred: Inferred) -> nn.Module:
    """Build the network without memory: before the coverage is known, its size is only what a file claims."""
    try:
        with torch.device("meta"):
            return build_network(inferred.run.model, channels=inferred.channels, classes=inferred.classes)
    except (RuntimeError, OverflowError):
        raise UserError(f"no network can have a width of {inferred.run.model.width}: the file is damaged") from None


def _build(inferred: Inferred) -> nn.Module:
    """Build the network; what a partial load leaves as it was is the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(inferred.run.seed)
        return build_network(inferred.run.model, channels=inferred.channels, classes=inferred.classes).eval()


def _fill(model: nn.Module, given: Mapping[str, Tensor]) -> None:
    fitting = matching(model.state_dict(), given)
    model.load_state_dict({name: given[name] for name in fitting}, strict=False)
