"""Experiments and lesions by name, and the plan of an examination. Imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from resnet_lab.errors import UserError


class Experiment(StrEnum):
    SINGLE = "single"
    MULTIPLE = "multiple"
    REORDER = "reorder"
    PAIRS = "pairs"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    DUPLICATE = "duplicate"
    CONTRAST = "contrast"

    @classmethod
    def parse(cls, text: str) -> "Experiment":
        """Read a name. Raises UserError."""
        if text not in tuple(cls):
            raise UserError(f"there is no experiment {text!r}: choose from {', '.join(cls)}")
        return cls(text)


class Mode(StrEnum):
    DELETE = "delete"
    ZERO = "zero"
    MEAN = "mean"
    REINIT = "reinit"
    RANDOMISE = "randomise"
    SCALE = "scale"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Lesion:
    """A mode, and the factor of `scale`. `str` gives back what `parse` reads: `delete`, `scale:0.5`."""

    mode: Mode
    alpha: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "Lesion":
        """Read `delete` or `scale:0.5`. Raises UserError."""
        name, _, number = text.partition(":")
        try:
            lesion = cls(Mode(name), float(number)) if name == Mode.SCALE else cls(Mode(text))
        except ValueError:
            lesion = cls(Mode.SCALE, math.nan)
        if not math.isfinite(lesion.alpha):
            known = ", ".join(mode for mode in Mode if mode != Mode.SCALE)
            raise UserError(f"there is no lesion {text!r}: choose from {known}, or scale:ALPHA such as scale:0.5")
        return lesion

    def __str__(self) -> str:
        return f"{self.mode}:{self.alpha:g}" if self.mode == Mode.SCALE else str(self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionPlan:
    """What to do. `blocks` None: all. A k is drawn until its mean's interval is narrower than `width` points."""

    experiments: Sequence[Experiment] = (Experiment.SINGLE,)
    lesions: Sequence[Lesion] = (Lesion(Mode.DELETE),)
    blocks: Sequence[int] | None = None
    max_k: int | None = None
    draws: int = 20
    width: float = 1.0
    include_downsampling: bool = False
    seed: int = 0
