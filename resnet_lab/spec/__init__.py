"""The specification of a run: model, data, recipe and seed, each field by one dotted name. Imports no torch."""

from resnet_lab.spec.choices import (
    Augmentation,
    DatasetName,
    EffectiveTest,
    Init,
    ModelName,
    MomentumKind,
    NormaliseKind,
    Optimizer,
    Precision,
    Resize,
    Schedule,
    Select,
    Stem,
    Warmup,
)
from resnet_lab.spec.run_spec import DataSpec, ModelSpec, RecipeSpec, RunSpec

__all__ = [
    "Augmentation",
    "DataSpec",
    "DatasetName",
    "EffectiveTest",
    "Init",
    "ModelName",
    "ModelSpec",
    "MomentumKind",
    "NormaliseKind",
    "Optimizer",
    "Precision",
    "RecipeSpec",
    "Resize",
    "RunSpec",
    "Schedule",
    "Select",
    "Stem",
    "Warmup",
]
