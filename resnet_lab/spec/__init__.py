"""The specification of a run: model, data, recipe and seed, each field by one dotted name. Imports no torch."""

from resnet_lab.spec.choices import (
    Augmentation,
    DatasetName,
    EffectiveTest,
    Init,
    ModelName,
    Optimizer,
    Precision,
    Schedule,
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
    "Optimizer",
    "Precision",
    "RecipeSpec",
    "RunSpec",
    "Schedule",
    "Stem",
    "Warmup",
]
