"""Options of `python -m analysis.block_deletion`."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from analysis.lesions.choices import Experiment, Lesion, LesionPlan
from resnet_lab.errors import UserError
from resnet_lab.spec import Precision
from resnet_lab.spec.choices import Value
from resnet_lab.spec.dataset_option import DatasetOption, take_images


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the command. Raises UserError for a value out of range."""

    checkpoint: Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")] = None
    """A trial's folder, its model.safetensors, or any checkpoint that resnet_lab.interchange reads."""
    run: Annotated[str | None, arg(metavar="ID", help_behavior_hint="")] = None
    """The MLflow run of a trial under --out."""
    study: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """Every finished trial of a study under --out."""
    experiment: Annotated[tuple[Experiment, ...], arg(metavar="NAME ...")] = (Experiment.SINGLE,)
    """single, multiple, reorder, pairs, prefix, suffix, duplicate; contrast: layers of a VGG or a plain network, and
    next to others of those networks alone."""
    mode: Annotated[tuple[str, ...], arg(metavar="MODE ...")] = ("delete",)
    """delete, zero, mean, reinit, randomise, duplicate, scale:ALPHA."""
    recalibrate_bn: Annotated[int, arg(metavar="BATCHES", name="heal", aliases=("--recalibrate-bn",))] = 0
    """Also with batch-norm statistics re-estimated on this many batches of 128 training images."""
    blocks: Annotated[tuple[int, ...], arg(metavar="INT ...", help_behavior_hint="")] = ()
    """Only these blocks, numbered from 0. Default: all."""
    max_k: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """At most this many blocks (multiple) or swaps (reorder) at once. Default: all."""
    draws: Annotated[int, arg(metavar="INT")] = 20
    """At most this many random draws for each k."""
    width: Annotated[float, arg(metavar="POINTS")] = 1.0
    """Stop drawing for a k once the 95 % interval of its mean error is narrower than this; 0: never."""
    include_downsampling: Annotated[bool, arg(help_behavior_hint="")] = False
    """Let multiple, prefix and suffix touch blocks that change the shape, too."""
    images: Annotated[int, arg(metavar="INT")] = 0
    """Number of test images, the first ones; 0: all."""
    dataset: DatasetOption = None
    """Another data set than the network was trained on."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the data set. Default: download once."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Tables and figures go to DIR/lesions/<name>; --run and --study are looked up in DIR."""
    device: Annotated[str, arg(metavar="{auto,cpu,cuda}")] = "auto"
    """Where to evaluate."""
    seed: Annotated[int, arg(metavar="INT")] = 0
    """Seed of the draws and of randomise."""
    precision: Annotated[Precision, arg(metavar="{" + ",".join(Precision) + "}")] = Precision.FP32
    """Arithmetic of the forward passes."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the rows as JSON on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        take_images(self)
        bounds = {"recalibrate_bn": 0, "draws": 1, "width": 0, "images": 0, "seed": 0, "max_k": 1}
        for name, bound in bounds.items():
            value = getattr(self, name)
            if value is not None and not value >= bound:
                raise UserError(f"--{name.replace('_', '-')} {value}: it must be {bound} or more")
        if not (self.experiment and self.mode):
            raise UserError("--experiment and --mode need a name: leave them out for single and delete")
        self.plan  # noqa: B018  # parses --mode, once

    @cached_property
    def plan(self) -> LesionPlan:
        """What the options ask for besides `contrast`. Raises UserError for a lesion that does not exist."""
        return LesionPlan(
            experiments=tuple(each for each in self.experiment if each != Experiment.CONTRAST),
            lesions=tuple(dict.fromkeys(map(Lesion.parse, self.mode))),
            blocks=self.blocks or None,
            max_k=self.max_k,
            draws=self.draws,
            width=self.width,
            include_downsampling=self.include_downsampling,
            seed=self.seed,
        )

    @property
    def contrast(self) -> bool:
        """Whether layers of a network without shortcuts are deleted."""
        return Experiment.CONTRAST in self.experiment

    def params(self) -> dict[str, Value]:
        """Return what an MLflow run of the examination records."""
        return {
            "seed": self.seed,
            "draws": self.draws,
            "images": self.images,
            "heal": self.recalibrate_bn,
            "experiment": " ".join(self.experiment),
            "mode": " ".join(self.mode),
        }
