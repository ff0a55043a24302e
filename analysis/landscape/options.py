"""Options of `python -m analysis.landscape`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value
from resnet_lab.spec.dataset_option import DatasetOption, take_images
from resnet_lab.spec.run_spec import MAX_SEED

MAX_POINTS, MAX_SPAN = 501, 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the command. Raises UserError for a number out of range."""

    checkpoint: Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")] = None
    """A trial's folder, its model.safetensors, or any checkpoint that resnet_lab.interchange reads."""
    run: Annotated[str | None, arg(metavar="ID", help_behavior_hint="")] = None
    """The MLflow run of a trial under --out."""
    study: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """Every finished trial of a study under --out."""
    images: Annotated[int, arg(metavar="INT")] = 100
    """Number of training images, the first ones, unaugmented, that the loss is taken over."""
    points: Annotated[int, arg(metavar="INT")] = 15
    """Points of the surface along each direction, odd: the middle one is the network itself. Li et al. took 51."""
    span: Annotated[float, arg(metavar="FLOAT")] = 1.0
    """How far the surface goes on each side, in units of the directions: 1 moves each filter by its own norm."""
    bn: Literal["eval", "train"] = "eval"
    """Batch norms of the surface with the trained running statistics, or with those of the images at every point."""
    dataset: DatasetOption = None
    """Another data set than the network was trained on."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the data set. Default: download once."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Tables and figures go to DIR/landscape/<name>; --run and --study are looked up in DIR."""
    device: Annotated[str, arg(metavar="{auto,cpu,cuda}")] = "auto"
    """Where to compute."""
    seed: Annotated[int, arg(metavar="INT")] = 0
    """Seed of the directions, and of the initial weights of a network from elsewhere, whose own seed nobody knows."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print summary, surface and gradients as JSON on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        take_images(self)
        for name, bound in (("images", 2), ("points", 3), ("seed", 0)):
            if getattr(self, name) < bound:
                raise UserError(f"--{name} {getattr(self, name)}: it must be {bound} or more")
        if self.points % 2 == 0 or self.points > MAX_POINTS:
            raise UserError(
                f"--points {self.points}: it must be odd and at most {MAX_POINTS}, so that one is the network itself"
            )
        if not 0 < self.span <= MAX_SPAN:
            raise UserError(f"--span {self.span}: it must be above 0 and at most {MAX_SPAN:g}")
        if self.seed > MAX_SEED:
            raise UserError(f"--seed {self.seed}: it must be at most {MAX_SEED}")

    def params(self) -> dict[str, Value]:
        """Return what an MLflow run of the examination records."""
        return {name: getattr(self, name) for name in ("images", "points", "span", "bn", "seed")}
