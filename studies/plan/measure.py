"""Measures taken after training: what a study asks of each trained network besides its test error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from resnet_lab.trials.trial import Trial

Take = Callable[[Trial, Path | None], Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure. It is taken once per complete trial and kept in the trial's folder as `<name>.json`."""

    name: str
    """Of its files, and of its part of the report: letters, digits, `-` and `_`."""
    metric: str
    """The metric that its table and figure are of, one of those that `take` returns."""
    title: str
    take: Take
    """Takes a complete trial and the folder of its data; returns metrics by name (`resnet_lab.metrics.METRICS`).

    A function of a module, for it is called in another process. It imports torch itself: a study's module does not.
    """
