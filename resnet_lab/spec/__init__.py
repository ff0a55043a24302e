"""Specification of a run: model, data, recipe, protocol and seed, each field by one dotted name. Imports no torch."""

from resnet_lab.spec.choices import (
    Augmentation,
    DatasetName,
    EffectiveTest,
    Head,
    Init,
    ModelName,
    MomentumKind,
    NormaliseKind,
    Optimizer,
    Pooling,
    Precision,
    Resize,
    Schedule,
    Select,
    Stem,
    Trained,
    Warmup,
)
from resnet_lab.spec.protocol import ProtocolSpec
from resnet_lab.spec.run_spec import DataSpec, ModelSpec, RecipeSpec, RunSpec

__all__ = [
    "Augmentation",
    "DataSpec",
    "DatasetName",
    "EffectiveTest",
    "Head",
    "Init",
    "ModelName",
    "ModelSpec",
    "MomentumKind",
    "NormaliseKind",
    "Optimizer",
    "Pooling",
    "Precision",
    "ProtocolSpec",
    "RecipeSpec",
    "Resize",
    "RunSpec",
    "Schedule",
    "Select",
    "Stem",
    "Trained",
    "Warmup",
]
