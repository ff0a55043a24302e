"""Path lengths of one network as tidy rows, and their summary."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from analysis.paths import lengths as path_counts
from analysis.paths.lengths import SHARE, Effective, effective_lengths
from analysis.paths.recording import At, Statistics
from analysis.paths.sampling import Limits, PathNorm
from analysis.paths.spectrum import Spectrum

DELETIONS = (1, 5, 10, 20)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """What every number of an analysis depends on."""

    at: At
    bn: Statistics
    images: int
    dataset: str
    seed: int
    limits: Limits = "t"
    """Kind of the interval of the sampled means."""
    precision: Literal["fp64", "fp32"] = "fp64"
    """Arithmetic of the forward pass and of every gradient."""

    @property
    def interval(self) -> str:
        """The interval in words. Norms of single paths are skewed, so that neither kind holds at few draws."""
        return f"approximate 95 % {'bootstrap-t' if self.limits == 'bootstrap' else 'Student-t'} interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathReport:
    """One network's exact spectrum, its sampled paths, and how they were measured."""

    name: str
    spectrum: Spectrum
    sampled: Sequence[PathNorm]
    conventions: Conventions

    @property
    def blocks(self) -> int:
        return len(self.spectrum.norms) - 1

    @property
    def peak(self) -> int:
        """The length whose paths together have the largest gradient."""
        return max(range(self.blocks + 1), key=self.spectrum.norms.__getitem__)

    @property
    def effective(self) -> Effective:
        """The shortest interval of lengths that carries 95 % of sum_k ||G_k||."""
        return effective_lengths(self.spectrum.norms)


def rows(report: PathReport) -> list[Row]:
    """Return one row per length.

    `norm_ratio` is ||G_k|| / ||G||; `monte_carlo` is C(n, k) times the mean norm of single paths, over ||G|| too, with
    its approximate 95 % interval `low`..`high`, Student's or the bootstrap-t; `ratio` is the first over the second: 1
    where all paths of a length point the same way, near 0 where they cancel. `complete` says that all paths were
    taken, so that there is no error.
    """
    conventions = report.conventions
    common = {
        "residual": report.spectrum.residual,
        "network": report.name,
        "at": conventions.at,
        "bn": conventions.bn,
        "images": conventions.images,
        "dataset": conventions.dataset,
        "seed": conventions.seed,
        "precision": conventions.precision,
    }
    counts = path_counts.counts(report.blocks)
    return [_row(report, count, sampled) | common for count, sampled in zip(counts, report.sampled, strict=True)]


def _row(report: PathReport, count: int, sampled: PathNorm) -> Row:
    ratio, scale = report.spectrum.ratios[sampled.length], report.spectrum.gradient
    estimate = _times(count, sampled.mean, scale)
    low, high = _limits(sampled, count, scale)
    return {
        "length": sampled.length,
        "count": count,
        "share": float(Fraction(count, 2**report.blocks)),
        "norm": report.spectrum.norms[sampled.length],
        "norm_ratio": ratio,
        "path_norm": sampled.mean,
        "path_norm_error": sampled.error if math.isfinite(sampled.error) else None,
        "draws": sampled.draws,
        "complete": sampled.draws == count,
        "monte_carlo": estimate,
        "low": low,
        "high": high,
        "ratio": ratio / estimate if estimate else None,
    }


def _limits(sampled: PathNorm, count: int, scale: float) -> tuple[float | None, float | None]:
    """Return the limits of count x mean norm / scale, None where there are none; a norm is not below 0."""
    if sampled.bootstrap is not None:
        low, high = (_times(count, limit, scale) for limit in sampled.bootstrap)
    else:
        mean, half = _times(count, sampled.mean, scale), _times(count, sampled.half_width, scale)
        low, high = (None, None) if half is None or mean is None else (mean - half, mean + half)
    return None if low is None else max(low, 0.0), high


def _times(count: int, value: float, scale: float) -> float | None:
    """Return count x value / scale through exact fractions: a count may be beyond any float."""
    if not math.isfinite(value):
        return None
    return float(count * Fraction(value) / Fraction(scale))


def summary(report: PathReport) -> Row:
    """Return the summary of the rows."""
    effective, n = report.effective, report.blocks
    low, high = path_counts.central_interval(n)
    return {
        "network": report.name,
        "blocks": n,
        "mean_length": path_counts.mean_length(n),
        "central_low": low,
        "central_high": high,
        "central_share": path_counts.share_between(n, low, high),
        "peak_length": report.peak,
        "effective_low": effective.low,
        "effective_high": effective.high,
        "effective_mass": effective.share,
        "effective_target": SHARE,
        "effective_paths": path_counts.share_between(n, effective.low, effective.high),
        "effective_left": {
            str(d): path_counts.effective_left(n, d, effective.low, effective.high) for d in _deletions(n)
        },
        "gradient_norm": report.spectrum.gradient,
        "residual": report.spectrum.residual,
    }


def _deletions(blocks: int) -> list[int]:
    return [deleted for deleted in DELETIONS if deleted <= blocks]
