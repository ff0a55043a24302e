"""One run of the laboratory: what network, which images, how trained, which seed.

Every field has one dotted name (`model.block.norm_position`), the same on the command line, in Optuna, in MLflow,
in checkpoints, in tables and on axes. The default of each field is the baseline of He et al. 2015, section 4.2.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from ablations.spec import FROZEN, BlockKind, BlockSpec, Shortcut

LAYERS_PER_UNIT = {BlockKind.BASIC: 6, BlockKind.BOTTLENECK: 9}

Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class DatasetName(StrEnum):
    DIGITS = "digits"
    MNIST = "mnist"
    FASHION_MNIST = "fashion_mnist"
    CIFAR10 = "cifar10"
    CIFAR100 = "cifar100"


class Optimizer(StrEnum):
    SGD = "sgd"
    NESTEROV = "nesterov"
    ADAM = "adam"
    ADAMW = "adamw"
    RMSPROP = "rmsprop"
    ADAGRAD = "adagrad"
    ADADELTA = "adadelta"


class Schedule(StrEnum):
    STEP = "step"
    COSINE = "cosine"
    CONSTANT = "constant"


class Warmup(StrEnum):
    AUTO = "auto"
    NONE = "none"
    CONSTANT = "constant"
    LINEAR = "linear"


class Augmentation(StrEnum):
    CROP_FLIP = "crop_flip"
    CROP = "crop"
    FLIP = "flip"
    NONE = "none"


class Precision(StrEnum):
    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class ModelSpec:
    """The CIFAR network of He et al. 2015, section 4.2: a 3x3 stem, three stages, pooling, a linear layer."""

    depth: Positive = 20
    """Weighted layers: 6n+2 with basic blocks, 9n+2 with bottlenecks."""
    width: Positive = 16
    """Channels of the first stage; the second has twice, the third four times as many."""
    block: BlockSpec = BlockSpec()

    def __post_init__(self) -> None:
        unit = LAYERS_PER_UNIT[self.block.kind]
        blocks, rest = divmod(self.depth - 2, unit)
        if rest or blocks < 1:
            low = max(blocks, 1) * unit + 2
            nearest = f"{low} or {low + unit}" if blocks >= 1 else f"{low}"
            raise ValueError(
                f"depth {self.depth} is not {unit}n+2, as {self.block.kind} blocks need: the nearest is {nearest}"
            )
        if blocks == 1 and self.block.kind == BlockKind.BOTTLENECK and self.block.shortcut == Shortcut.C:
            raise ValueError(
                f"at depth {self.depth} every bottleneck block changes shape, so that shortcut=C builds the same "
                f"network as B: set block.shortcut=B, or depth={2 * unit + 2} or more"
            )

    @property
    def blocks_per_stage(self) -> int:
        """The n of 6n+2."""
        return (self.depth - 2) // LAYERS_PER_UNIT[self.block.kind]


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class DataSpec:
    name: DatasetName = DatasetName.CIFAR10
    """Which images."""
    train_images: NonNegative = 0
    """Use only the first so many training images of the fixed split; 0 means all (45,000 on CIFAR)."""


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class RecipeSpec:
    """How the network is trained (He et al. 2015, section 4.2)."""

    optimizer: Optimizer = Optimizer.SGD
    """The optimiser; nesterov is sgd with Nesterov momentum."""
    lr: Annotated[float, Field(gt=0)] = 0.1
    """Peak learning rate."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of sgd, nesterov and rmsprop; beta 1 of adam and adamw."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """L2 penalty on every parameter; decoupled in adamw."""
    batch_size: Positive = 128
    """Images a step; an epoch drops the last incomplete batch."""
    iterations: Positive = 64_000
    """Optimiser steps in all."""
    schedule: Schedule = Schedule.STEP
    """step multiplies the rate by lr_decay at each milestone; cosine falls to 0; constant stays."""
    milestone_1: Fraction = 0.5
    """First step of the schedule, as a share of the iterations (32k of 64k)."""
    milestone_2: Fraction = 0.75
    """Second step of the schedule, as a share of the iterations (48k of 64k)."""
    lr_decay: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Factor on the learning rate at each milestone."""
    warmup: Warmup = Warmup.AUTO
    """constant holds warmup_lr, linear rises to lr; auto is constant from depth 110 on and none below."""
    warmup_iterations: NonNegative = 400
    """Steps of warm-up, where there is one."""
    warmup_lr: Annotated[float, Field(gt=0)] = 0.01
    """Learning rate during, or at the start of, the warm-up."""
    augmentation: Augmentation = Augmentation.CROP_FLIP
    """Random crop after zero-padding, horizontal flip, both, or none; drawn for each image."""
    crop_padding: NonNegative = 4
    """Pixels of zero-padding on each side before the random crop."""
    precision: Precision = Precision.AUTO
    """bf16 autocast, or fp32; auto is bf16 where the processor or GPU computes in it."""

    def __post_init__(self) -> None:
        if self.optimizer == Optimizer.NESTEROV and self.momentum == 0:
            raise ValueError("optimizer=nesterov without momentum is sgd: set momentum above 0, or optimizer=sgd")


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class RunSpec:
    """Everything that determines a run's result."""

    model: ModelSpec = ModelSpec()
    data: DataSpec = DataSpec()
    recipe: RecipeSpec = RecipeSpec()
    seed: NonNegative = 0
    """Seed of the init, order and augmentation streams."""
