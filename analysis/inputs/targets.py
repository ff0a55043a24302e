"""Networks to analyse: checkpoints by path, by MLflow run or by study, each with its images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from resnet_lab.data.images import ImageData
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec, ModelSpec, RunSpec
from resnet_lab.spec.families import WITH_BLOCKS
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.fingerprint import TRIAL_NAME


class Inputs(Protocol):
    """The options that say which networks, which images and where."""

    @property
    def checkpoint(self) -> Path | None: ...
    @property
    def run(self) -> str | None: ...
    @property
    def study(self) -> str | None: ...
    @property
    def dataset(self) -> str | None: ...
    @property
    def data_dir(self) -> Path | None: ...
    @property
    def out(self) -> Path: ...
    @property
    def device(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A trained network on a device, in eval mode and channels_last, with images normalised as it wants them.

    `own_seed` is the seed this project trained it from, None for a network from elsewhere; `run_id` its MLflow run,
    None where it is not known. `name` fits a folder.
    """

    name: str
    model: nn.Module
    spec: RunSpec
    data: ImageData
    device: torch.device
    own_seed: int | None = None
    run_id: str | None = None


def labels(targets: Sequence[Target]) -> list[str]:
    """Return what each network is called next to the others: family and fields, and the seed where those are shared.

    `cifar_resnet depth=20 shortcut=none`.
    """
    called = [_label(target.spec) for target in targets]
    seeds = (f"{label} seed {target.spec.seed}" for label, target in zip(called, targets, strict=True))
    return [seed if called.count(label) > 1 else label for label, seed in zip(called, seeds, strict=True)]


def _label(spec: RunSpec) -> str:
    fields, defaults = flatten(spec.model), flatten(ModelSpec())
    own = [
        name
        for name in fields
        if fields[name] != defaults[name] or (name == "depth" and spec.model.name in WITH_BLOCKS)
    ]
    words = (f"{name.rpartition('.')[2]}={fields[name]}" for name in own if name != "name")
    return " ".join([spec.model.name.value, *words])


def resolve(options: Inputs) -> list[Target]:
    """Load what the options name. Raises UserError for what is missing, damaged, or does not fit the images."""
    from resnet_lab.engine.precision import resolve_device

    device = resolve_device(options.device)
    return [_load(name, path, run_id, options, device) for name, path, run_id in _sources(options)]


def _sources(options: Inputs) -> list[tuple[str, Path, str | None]]:
    """Return (name, path, MLflow run id) of each checkpoint asked for."""
    if sum(given is not None for given in (options.checkpoint, options.run, options.study)) != 1:
        raise UserError("say which network: give one of --checkpoint PATH, --run MLFLOW_RUN_ID or --study NAME")
    if options.checkpoint is not None:
        path = options.checkpoint
        return [(path.resolve().name if path.is_dir() else path.stem, path, None)]
    return _of_runs(options)


def _of_runs(options: Inputs) -> list[tuple[str, Path, str | None]]:
    """Return the trial of one run, or the finished trials of a study, from the folders the driver keeps."""
    from resnet_lab.tracking import read_runs
    from resnet_lab.tracking.attach import trial_of_run

    trials = options.out / "trials"
    if options.run is not None:
        name = trial_of_run(options.out, options.run)
        return [(name, trials / name, options.run)]
    rows = [row for row in read_runs(options.out, str(options.study)) if row["status"] == "FINISHED"]
    newest = {
        row["tags"]["trial"]: row["run_id"] for row in reversed(rows) if TRIAL_NAME.fullmatch(row["tags"]["trial"])
    }
    if not newest:
        raise UserError(f"the study {options.study!r} has no finished trial yet: wait for one, or name another --study")
    return [(name, trials / name, run_id) for name, run_id in newest.items()]


def _load(name: str, path: Path, run_id: str | None, options: Inputs, device: torch.device) -> Target:
    from resnet_lab.data.load import load
    from resnet_lab.interchange.importing import import_checkpoint

    imported = import_checkpoint(path)
    provenance = imported.provenance
    spec = _images_of(imported.run.data, options.dataset)
    data = load(spec, options.data_dir, device)
    channels = data.test.pixels.shape[3]
    if provenance.classes != data.classes or provenance.channels != channels:
        raise UserError(
            f"{path} reads {provenance.channels} channels and has {provenance.classes} classes, but {spec.name} has "
            f"{channels} and {data.classes}: name its own data set with --dataset"
        )
    if provenance.normalisation is not None:
        mean, std = (
            data.mean.new_tensor(values) for values in (provenance.normalisation.mean, provenance.normalisation.std)
        )
        data = replace(data, mean=mean, std=std, normalise=None)
    ours = provenance.origin is None or provenance.origin.format == "resnet_lab"
    model = imported.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stub
    own_seed = imported.run.seed if ours else None
    return Target(name=name, model=model, spec=imported.run, data=data, device=device, own_seed=own_seed, run_id=run_id)


def _images_of(own: DataSpec, asked: str | None) -> DataSpec:
    """Return the images asked for, normalised and scaled as the network's own; how its folder is split stays out."""
    if asked is None or asked == own.name:
        return own
    return DataSpec(name=DatasetName(asked), normalise=own.normalise, size=own.size)
