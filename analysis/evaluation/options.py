"""Options of `python -m resnet_lab.evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from resnet_lab.spec import Precision
from resnet_lab.spec.dataset_option import DatasetOption, take_images


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the command."""

    checkpoint: Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")] = None
    """A trial's folder, its model.safetensors, or any checkpoint that resnet_lab.interchange reads."""
    run: Annotated[str | None, arg(metavar="ID", help_behavior_hint="")] = None
    """The MLflow run of a trial under --out."""
    study: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """Every finished trial of a study under --out."""
    dataset: DatasetOption = None
    """Another data set than the network was trained on."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the data set. Default: download once."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Tables and figures go to DIR/evaluation/<name>; --run and --study are looked up in DIR."""
    device: Annotated[str, arg(metavar="{auto,cpu,cuda}")] = "auto"
    """Where to evaluate."""
    precision: Annotated[Precision, arg(metavar="{" + ",".join(Precision) + "}")] = Precision.FP32
    """Arithmetic of the forward pass."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the scores as one JSON object on stdout (with --study, a list of them), and nothing else there."""

    def __post_init__(self) -> None:
        take_images(self)
