"""Enums of a run's fields; the baseline first. Imports no torch."""

from enum import StrEnum

from ablations.references import OpenEnum, is_own


class DatasetName(OpenEnum):
    """Sets of images: published ones, an image folder, arrays of one's own, or a reference to what returns them."""

    DIGITS = "digits"
    MNIST = "mnist"
    FASHION_MNIST = "fashion_mnist"
    CIFAR10 = "cifar10"
    CIFAR100 = "cifar100"
    OXFORD_PETS = "oxford_pets"
    FLOWERS102 = "flowers102"
    FOLDER = "folder"
    ARRAYS = "arrays"


def is_of_arrays(name: DatasetName) -> bool:
    """Whether a set is arrays of one's own: a file's, those handed to `train`, or what a reference returns."""
    return name == DatasetName.ARRAYS or is_own(name)


def has_contents(name: DatasetName) -> bool:
    """Whether a set is what its folder, file or callable holds, which `data.contents` then says."""
    return name == DatasetName.FOLDER or is_of_arrays(name)


PHOTOGRAPHS = frozenset({DatasetName.OXFORD_PETS, DatasetName.FLOWERS102, DatasetName.FOLDER})
"""Sets of files of any shape, which `data.size` and `data.resize` turn into squares."""


GREY = frozenset({DatasetName.DIGITS, DatasetName.MNIST, DatasetName.FASHION_MNIST})
"""Sets of images with one channel, which `data.rgb` repeats."""


class Resize(StrEnum):
    CROP = "crop"
    STRETCH = "stretch"


class NormaliseKind(StrEnum):
    """What images on the 0..1 scale are normalised by; `measured` is another word for `channel`."""

    CHANNEL = "channel"
    PER_PIXEL = "per_pixel"
    NONE = "none"
    FIXED = "fixed"

    @classmethod
    def _missing_(cls, value: object) -> "NormaliseKind | None":
        return cls.CHANNEL if value == "measured" else None


class ModelName(OpenEnum):
    """Families of networks; `resnet_lab.spec.presets` names members of them, such as resnet50 and se_resnet110."""

    CIFAR_RESNET = "cifar_resnet"
    WIDE_RESNET = "wide_resnet"
    IMAGENET_RESNET = "imagenet_resnet"
    RESNET50V2 = "resnet50v2"
    DENSENET121 = "densenet121"
    IMAGENET_DENSENET = "imagenet_densenet"
    DENSENET_BC = "densenet_bc"
    VGG15_BN = "vgg15_bn"
    VGG16_BN = "vgg16_bn"
    IMAGENET_VGG = "imagenet_vgg"
    IMAGENET_VGG_BN = "imagenet_vgg_bn"
    MNIST_CNN = "mnist_cnn"
    MNIST_CNN_DEEP = "mnist_cnn_deep"
    MNIST_RESNET = "mnist_resnet"


class Stem(StrEnum):
    CIFAR = "cifar"
    IMAGENET = "imagenet"


class Head(StrEnum):
    """What follows the pooled features."""

    LINEAR = "linear"
    HIDDEN = "hidden"
    NONE = "none"


class Pooling(StrEnum):
    AVERAGE = "average"
    MAX = "max"


class Trained(StrEnum):
    """Which part of a network its recipe trains; the rest is frozen."""

    ALL = "all"
    HEAD = "head"
    HEAD_NORMS = "head_norms"
    LAST_STAGE = "last_stage"


class Optimizer(StrEnum):
    SGD = "sgd"
    NESTEROV = "nesterov"
    ADAM = "adam"
    ADAMW = "adamw"
    RMSPROP = "rmsprop"
    ADAGRAD = "adagrad"
    ADADELTA = "adadelta"
    MUON = "muon"


class MomentumKind(StrEnum):
    TORCH = "torch"
    CAFFE = "caffe"


class Select(StrEnum):
    LAST = "last"
    BEST_VALIDATION = "best_validation"


class Schedule(StrEnum):
    STEP = "step"
    COSINE = "cosine"
    CONSTANT = "constant"
    ONE_CYCLE = "one_cycle"
    PLATEAU = "plateau"


class Warmup(StrEnum):
    AUTO = "auto"
    NONE = "none"
    CONSTANT = "constant"
    LINEAR = "linear"


class EffectiveTest(StrEnum):
    """What a network whose mini-batches each train some blocks is in validation and at test: all blocks, and ..."""

    SCALED = "scaled"
    RECALIBRATED = "recalibrated"
    UNSCALED = "unscaled"


class Augmentation(StrEnum):
    CROP_FLIP = "crop_flip"
    CROP = "crop"
    FLIP = "flip"
    NONE = "none"
    SHIFT_ROTATE = "shift_rotate"
    CUTOUT = "cutout"
    RESIZED_CROP = "resized_crop"
    RESIZED_CROP_FLIP = "resized_crop_flip"


class Init(StrEnum):
    KAIMING_FAN_OUT = "kaiming_fan_out"
    KAIMING_FAN_IN = "kaiming_fan_in"
    XAVIER = "xavier"
    DEFAULT = "default"


class TrainMode(StrEnum):
    EVERY_EPOCH = "every_epoch"
    FIRST_EPOCH = "first_epoch"


class ViewAtTest(StrEnum):
    ORIGINAL = "original"
    AUGMENTED = "augmented"


class FrozenMode(StrEnum):
    EVAL = "eval"
    TRAIN = "train"


class LossMean(StrEnum):
    STEPS = "steps"
    STEPS_LESS_1 = "steps_less_1"


class Reported(StrEnum):
    SELECTED = "selected"
    BEST_TEST = "best_test"


class Validation(StrEnum):
    HELD_OUT = "held_out"
    TEST = "test"


class HeadClasses(StrEnum):
    OWN = "own"
    IMAGENET = "1000"


class PlateauWatches(StrEnum):
    VALIDATION = "validation"
    TEST = "test"


class Stepping(StrEnum):
    STEPPED = "stepped"
    NEVER_STEPPED = "never_stepped"


class Normalisation(StrEnum):
    APPLIED = "applied"
    FORGOTTEN = "forgotten"


class Seeding(StrEnum):
    PAIRED = "paired"
    UNPAIRED = "unpaired"


class Precision(StrEnum):
    AUTO = "auto"
    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"


class Kernels(StrEnum):
    """What computes a step of training; no field of a run, since it changes no more than the rounding."""

    AUTO = "auto"
    FUSED = "fused"
    TORCH = "torch"


Value = bool | int | float | str
