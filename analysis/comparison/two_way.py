"""Arms with intervals over seeds and test images, from the record that each trial keeps of its test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.comparison.arms import ArmRow
from analysis.results.trials import TrialRow, seeds_by_repeat
from analysis.stats.two_way import TwoWay, two_way
from resnet_lab.outcomes import Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Wrong = Mapping[int, NDArray[np.float64]]
    """By repeat, for every test image: the share, in per cent, of the repeat's networks that got it wrong."""
    ReadTest = Callable[[TrialRow], NDArray[np.bool_] | None]

NO_RECORD = "not every trial has a record of its test images (those of earlier versions have none)"
FEW_SEEDS = "fewer than two seeds"
OTHER_TEST = "the trials were tested on different numbers of images"
FAILED = "not every seed gave a result"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverImages:
    """An arm's mean error (per cent), and its difference from the baseline (points), over seeds and test images."""

    row: ArmRow
    images: int
    error: TwoWay | None
    difference: TwoWay | None
    reason: str = ""
    """Why a number is withheld."""


def over_images(
    rows: Sequence[ArmRow], runs_of: Callable[[ArmRow], Sequence[TrialRow]], read: "ReadTest"
) -> list[OverImages]:
    """Return every arm in the order of the rows; `read` gives which test images a trial got right, or None."""
    wrong = [_wrong(runs_of(row), read) for row in rows]
    found = []
    for row, own in zip(rows, wrong, strict=True):
        base = next((w for r, w in zip(rows, wrong, strict=True) if r.is_baseline and r.context == row.context), None)
        found.append(_arm(row, own, None if row.is_baseline else base))
    return found


def _arm(row: ArmRow, own: "Wrong | str", base: "Wrong | str | None") -> OverImages:
    if isinstance(own, str):
        return OverImages(row=row, images=0, error=None, difference=None, reason=own)
    images = len(next(iter(own.values())))
    error = two_way(_matrix(list(own.values())))
    if base is None:
        return OverImages(row=row, images=images, error=error, difference=None)
    if isinstance(base, str):
        return OverImages(row=row, images=images, error=error, difference=None, reason=f"of the baseline, {base}")
    shared = [seed for seed in own if seed in base]
    if len(shared) < 2:
        return OverImages(row=row, images=images, error=error, difference=None, reason=FEW_SEEDS)
    if len(base[shared[0]]) != images:
        return OverImages(row=row, images=images, error=error, difference=None, reason=OTHER_TEST)
    difference = two_way(_matrix([own[seed] - base[seed] for seed in shared]))
    return OverImages(row=row, images=images, error=error, difference=difference)


def _wrong(runs: Sequence[TrialRow], read: "ReadTest") -> "Wrong | str":
    """Return the errors of each complete seed by test image, or why there are none."""
    import numpy as np

    if any(run["status"] == Status.FAILED for run in runs):
        return FAILED
    complete = [run for run in runs if run["status"] == Status.COMPLETE]
    if len(complete) < 2:
        return FEW_SEEDS
    records = {int(run["seed"]): read(run) for run in complete}
    known = {seed: np.where(record, 0.0, 100.0) for seed, record in records.items() if record is not None}
    if len(known) < len(complete):
        return NO_RECORD
    if len({len(each) for each in known.values()}) > 1:
        return OTHER_TEST
    whole = {r: seeds for r, seeds in seeds_by_repeat(runs).items() if all(seed in known for seed in seeds)}
    return {repeat: np.mean([known[seed] for seed in seeds], axis=0) for repeat, seeds in whole.items()}


def _matrix(rows: "Sequence[NDArray[np.float64]]") -> "NDArray[np.float64]":
    import numpy as np

    return np.stack(rows)
