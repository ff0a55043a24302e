"""Options of the import and export commands. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg, subcommand

from resnet_lab.interchange.names import Format, Normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Turn another project's file into a checkpoint of this one."""

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """A .th, .pt, .pth or .safetensors file; or a trial's folder. It is read as weights only: no code in it runs."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder for model.safetensors, config.json and coverage.json."""
    format: Format = Format.AUTO
    """Whose file it is; auto infers it from the names of its tensors."""
    normalise: Normalise = Normalise.AUTO
    """What images are normalised with: ImageNet's mean and std, or the data set's own. auto is what the file records,
    and ImageNet's where it records nothing, as public CIFAR and torchvision files do."""
    allow_partial: Annotated[bool, arg(help_behavior_hint="")] = False
    """Accept a file that fills only a part of the network; the rest stays random."""
    probe: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """A .pt, .safetensors or .npz file with `input`, images [N, C, H, W] as the network reads them, and the `logits`
    that it must give. Where it gives others, nothing is written."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the report as JSON on stdout, and nothing else there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Write a checkpoint of this project with the names torchvision (CIFAR nets: akamaster's code) loads."""

    checkpoint: Annotated[Positional[Path], arg(metavar="CHECKPOINT")]
    """A model.safetensors, or the folder that holds one."""
    out: Annotated[Path, arg(metavar="FILE")]
    """The file to write; its ending says how: .pt, .pth, .th or .safetensors."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the report as JSON on stdout, and nothing else there."""


Command = Annotated[Import, subcommand("import")] | Annotated[Export, subcommand("export")]
