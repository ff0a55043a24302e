"""RunSpec: network, images, recipe, protocol and seed of one run.

Every field has one dotted name (`model.block.norm_position`), the same on the command line, in Optuna, in MLflow,
in checkpoints, in tables and on axes. The default of each field is the baseline of He et al. 2015, section 4.2.
"""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from ablations.choices import BranchInit, Norm
from ablations.spec import FROZEN, BlockSpec
from resnet_lab.spec.choices import (
    GREY,
    PHOTOGRAPHS,
    Augmentation,
    DatasetName,
    EffectiveTest,
    Head,
    Init,
    ModelName,
    MomentumKind,
    NormaliseKind,
    Optimizer,
    PlateauWatches,
    Pooling,
    Precision,
    Reported,
    Resize,
    Schedule,
    Select,
    Stem,
    Trained,
    Validation,
    Warmup,
    has_contents,
    is_of_arrays,
)
from resnet_lab.spec.families import check, shortcut_blocks
from resnet_lab.spec.protocol import ProtocolSpec, check_protocol

MAX_SEED = 2**31 - 1
# Bounds that no experiment reaches: what lies above them is a slip of the hand, or a file that is not to be believed.
MAX_DEPTH, MAX_WIDTH, MAX_BATCH, MAX_COUNT = 10_000, 65_536, 2**20, 2**53
Depth = Annotated[int, Field(ge=1, le=MAX_DEPTH)]
Width = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
BatchSize = Annotated[int, Field(ge=1, le=MAX_BATCH)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Positive = Annotated[int, Field(ge=1, le=MAX_COUNT)]
NonNegative = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class ModelSpec:
    """A network. The default is the CIFAR ResNet-20 of He et al. 2015, section 4.2.

    Raises a `pydantic.ValidationError` where depth, width or block do not fit the family.
    """

    name: ModelName = ModelName.CIFAR_RESNET
    """The family."""
    depth: Depth = 20
    """Weighted layers: 6n+2 with basic blocks, 9n+2 with bottlenecks, in CIFAR nets."""
    width: Width = 16
    """Channels of the first stage (times 4 after a bottleneck); growth rate of a DenseNet."""
    stem: Stem = Stem.CIFAR
    """A 3x3 convolution, or ImageNet's 7x7 convolution of stride 2 and max-pooling."""
    final_norm: bool = True
    """The norm and activation after the last addition of a pre-activation net, which several public nets forget."""
    head: Head = Head.LINEAR
    """What follows the pooled features: one linear layer; a hidden layer of 2^(11 - floor(log2(floor(sqrt(2048/C)))))
    units, ReLU, dropout of a half and the linear layer to C classes; or nothing, so that features are what it gives."""
    pooling: Pooling = Pooling.AVERAGE
    """Global pooling of a resnet50v2, as Keras's `pooling`."""
    keras_preact: bool = True
    """Keras's `preact` of a resnet50v2: a norm and ReLU before the pooling; without it they follow the stem instead."""
    block: BlockSpec = BlockSpec()

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class DataSpec:
    name: DatasetName = DatasetName.CIFAR10
    """Which images."""
    train_images: NonNegative = 0
    """Use only the first n training images of the fixed split; 0 means all (45,000 on CIFAR)."""
    split: NonNegative = 0
    """Which split into training and validation images: 0 is the fixed one, every other number a draw of its own. The
    test images stay the same."""
    normalise: NormaliseKind = NormaliseKind.CHANNEL
    """What is done to images on the 0..1 scale: minus each channel's mean, over its standard deviation; minus each
    pixel's mean, over the deviation of all pixels; or nothing. Measured on the training images, but for fixed, the
    channels' customary constants (MNIST .1307 and .3081). measured is another word for channel."""
    size: Annotated[int, Field(ge=0, le=512)] = 0
    """Side of the images that the network sees, in pixels: 64 to 224 for photographs; 0 is the set's own, 224 for
    photographs."""
    rgb: bool = False
    """Repeat a grey image in three channels, for networks made for colours, as torchvision's `expand` does."""
    trainval: bool = False
    """Train on the held-out validation images too, as papers' last runs do (60,000 images of MNIST). The validation
    error is then one of images trained on, so nothing may be chosen by it."""
    resize: Resize = Resize.CROP
    """How photographs become squares: crop scales the shorter side to 8/7 of data.size (256 for 224) and takes the
    centre, the rim serving random crops; stretch scales both sides to data.size."""
    val_share: Share = 0.2
    """Share of one's own images, test images not counted, held out for validation, in each class; read where the
    folder has no val/ and the arrays no x_val."""
    test_share: Share = 0.2
    """Share of one's own images held out for the test, in each class; read where the folder has no test/ and the
    arrays no x_test."""
    contents: str = ""
    """What one's own images are: classes, images of train, val and test, and a digest. Commands fill it in from the
    folder, file or callable, so that equal ones are one data set and different ones are never taken for each other."""

    def __post_init__(self) -> None:
        _check_folder(self)
        _check_fixed_sets(self)
        if self.normalise == NormaliseKind.PER_PIXEL and (self.size or self.name in PHOTOGRAPHS):
            raise ValueError(
                "normalise=per_pixel is read where images keep the size they are stored at: "
                "leave size at 0 and take another name than that of photographs, or set normalise=channel"
            )


def _check_folder(spec: "DataSpec") -> None:
    """Refuse fields that the set does not read: two values of them would be one run."""
    own = {"val_share", "test_share", "contents"} if not has_contents(spec.name) else set()
    unread = own | ({"resize"} if spec.name not in PHOTOGRAPHS else set())
    changed = [name for name in sorted(unread) if getattr(spec, name) != _FIELDS[name].default]
    if changed:
        raise ValueError(
            f"{spec.name} does not read {' or '.join(changed)}: leave it at its default, or set name=folder"
        )


def _check_fixed_sets(spec: "DataSpec") -> None:
    """Refuse what a set has no images or constants for."""
    if spec.rgb and spec.name not in GREY and not is_of_arrays(spec.name):
        raise ValueError(f"{spec.name} has colours: rgb=true repeats grey images, those of {', '.join(sorted(GREY))}")
    if spec.trainval and (spec.name in PHOTOGRAPHS or has_contents(spec.name)):
        raise ValueError(f"trainval=true is read by sets with a fixed split: leave it out, {spec.name} has its own")
    if spec.normalise == NormaliseKind.FIXED and is_of_arrays(spec.name):
        raise ValueError(f"{spec.name} has no constants that are fixed: set data.normalise=measured")
    if spec.normalise == NormaliseKind.FIXED and spec.name == DatasetName.DIGITS:
        raise ValueError(
            "the digits have no constants that are fixed: set data.normalise=measured, or another data.name"
        )


_FIELDS = DataSpec.__dataclass_fields__

_BY_KIND = frozenset({Optimizer.SGD, Optimizer.NESTEROV})


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class RecipeSpec:
    """How the network is trained (He et al. 2015, section 4.2)."""

    optimizer: Optimizer = Optimizer.SGD
    """The optimiser; nesterov is sgd with Nesterov momentum."""
    lr: Annotated[float, Field(gt=0)] = 0.1
    """Peak learning rate."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of sgd, nesterov, rmsprop and muon; beta 1 of adam and adamw."""
    momentum_kind: MomentumKind = MomentumKind.TORCH
    """What sgd and nesterov accumulate: gradients, the rate multiplying their sum; or, as Caffe, gradients times the
    rate of their step, so that a drop of the rate is felt only as the sum fades."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """L2 penalty on every parameter; decoupled in adamw and muon."""
    batch_size: BatchSize = 128
    """Images per step; an epoch drops the last incomplete batch."""
    iterations: Positive = 64_000
    """Optimiser steps in all."""
    schedule: Schedule = Schedule.STEP
    """step multiplies the rate by lr_decay at each milestone; cosine falls to 0; constant stays; one_cycle rises and
    falls; plateau waits for the validation error."""
    milestone_1: Fraction = 0.5
    """First step of the schedule, as a share of the iterations (32k of 64k)."""
    milestone_2: Fraction = 0.75
    """Second step of the schedule, as a share of the iterations (48k of 64k)."""
    milestone_3: Fraction = 1.0
    """Third step of the schedule, as a share of the iterations; 1, the end, means none."""
    lr_decay: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Factor on the learning rate at each milestone."""
    warmup: Warmup = Warmup.AUTO
    """constant holds warmup_lr, linear rises to lr; auto is constant in a cifar_resnet from depth 110 on (arXiv
    1512.03385, section 4.2) and none elsewhere."""
    warmup_iterations: NonNegative = 400
    """Steps of warm-up, where there is one."""
    warmup_lr: Annotated[float, Field(gt=0)] = 0.01
    """Learning rate during, or at the start of, the warm-up."""
    augmentation: Augmentation = Augmentation.CROP_FLIP
    """Random crop after zero-padding, horizontal flip, both, none; shift and rotation; crop, flip and cutout; a crop of
    random area and shape scaled to the image's size, alone or with flip. Drawn for each image."""
    crop_padding: NonNegative = 4
    """Pixels of zero-padding on each side before the random crop; the largest shift of shift_rotate. Photographs under
    data.resize=crop have a rim of their own to crop from, and no padding."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 10.0
    """Largest rotation of shift_rotate, in degrees either way."""
    cutout_size: Positive = 16
    """Side of the square that cutout blanks after crop and flip, in pixels (arXiv 1708.04552)."""
    crop_scale: Annotated[float, Field(gt=0, le=1)] = 0.08
    """Least share of an image's area that resized_crop keeps (arXiv 1409.4842, section 6)."""
    effective_blocks: NonNegative = 0
    """Residual blocks that each mini-batch trains, drawn for each; 0 trains all (arXiv 1605.06431, section 4.3)."""
    effective_test: EffectiveTest = EffectiveTest.SCALED
    """What a network of effective_blocks=m is in validation and at test, always with all its B blocks: branches times
    m/B; batch-norm statistics estimated again on training images; or unscaled, which no training step has seen."""
    init: Init = Init.KAIMING_FAN_OUT
    """How convolutions start: normal by fan-out or fan-in (arXiv 1502.01852), Xavier, or torch's default."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the target spread evenly over all classes (arXiv 1512.00567, section 7)."""
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Alpha of mixup: each mini-batch is mixed with its own images in another order, in shares drawn from Beta(alpha,
    alpha), and so are its labels (arXiv 1710.09412). 0 mixes nothing. The training error then counts the class of the
    larger share."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of an exponential moving average of the weights, over steps, that is validated, tested and kept in their
    place (arXiv 1703.01780); 0 keeps the weights themselves."""
    plateau_patience: NonNegative = 3
    """Epochs without a better validation error before schedule=plateau multiplies the rate by lr_decay."""
    select: Select = Select.LAST
    """Which weights are kept and tested: the last, or those of the (first) epoch of least validation error."""
    weights: str = "none"
    """What the network but its head starts from: none, drawn by init; torchvision, ImageNet's as torchvision publishes
    them; or a checkpoint of ours or of others, by its path."""
    trained: Trained = Trained.ALL
    """What is trained: all; the head; the head and every norm; or the head and the last stage. The rest is frozen, its
    norms and dropouts as at test."""
    precision: Precision = Precision.AUTO
    """bf16 autocast; fp32; or on a GPU tf32, whose products read 10 bits of each fp32 factor. auto is bf16 where the
    processor or GPU computes in it, else fp32."""

    def __post_init__(self) -> None:
        if self.optimizer == Optimizer.NESTEROV and self.momentum == 0:
            raise ValueError("optimizer=nesterov without momentum is sgd: set momentum above 0, or optimizer=sgd")
        if not self.effective_blocks and self.effective_test != EffectiveTest.SCALED:
            raise ValueError(
                "effective_test says what a network trained by effective_blocks is at test: "
                "set effective_blocks above 0, or leave effective_test out"
            )
        if self.momentum_kind == MomentumKind.CAFFE and not (self.optimizer in _BY_KIND and self.momentum):
            raise ValueError(
                "momentum_kind is read by sgd and nesterov with a momentum: set momentum_kind=torch, or one of these"
            )


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class RunSpec:
    """Everything that determines a run's result."""

    model: ModelSpec = ModelSpec()
    data: DataSpec = DataSpec()
    recipe: RecipeSpec = RecipeSpec()
    protocol: ProtocolSpec = ProtocolSpec()
    seed: Seed = 0
    """Seed of the init, order, augmentation and noise streams."""

    def __post_init__(self) -> None:
        check_protocol(self)
        count, blocks = self.recipe.effective_blocks, shortcut_blocks(self.model)
        if count > blocks:
            remedy = f"choose at most {blocks}" if blocks else "choose a network with residual blocks, or leave it at 0"
            raise ValueError(
                f"recipe.effective_blocks={count} needs {count} blocks with a shortcut, and this {self.model.name} has "
                f"{blocks}: {remedy}"
            )
        if self.data.trainval and _chooses_by_validation(self):
            raise ValueError(
                "data.trainval=true trains on the validation images, and select=best_validation or schedule=plateau "
                "choose by their error: leave trainval out, or set another select and schedule"
            )
        recalibrates = self.recipe.effective_blocks and self.recipe.effective_test == EffectiveTest.RECALIBRATED
        if recalibrates and self.model.block.norm != Norm.BATCH:
            raise ValueError(
                f"recipe.effective_test=recalibrated estimates batch norms again, and norm={self.model.block.norm} has "
                "none: set recipe.effective_test=scaled"
            )
        if self.recipe.optimizer == Optimizer.MUON and self.model.block.branch_init == BranchInit.FIXUP_AUTHORS:
            raise ValueError(
                "branch_init=fixup_authors trains biases and scalars at a tenth of the rate, and muon has one rate: "
                "choose another recipe.optimizer, or branch_init=fixup"
            )


def _chooses_by_validation(run: RunSpec) -> bool:
    """Whether the validation images decide: an epoch or a rate, unless a fault of the protocol asks the test images."""
    protocol = run.protocol
    watched = run.recipe.schedule == Schedule.PLATEAU and protocol.plateau == PlateauWatches.VALIDATION
    selected = run.recipe.select == Select.BEST_VALIDATION and protocol.reported == Reported.SELECTED
    return protocol.validation == Validation.HELD_OUT and (watched or selected)
