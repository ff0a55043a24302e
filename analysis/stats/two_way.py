"""Interval of a mean over seeds and test images, both taken as samples: rows are seeds, columns images.

Owen (2007, The pigeonhole bootstrap, Annals of Applied Statistics 1) resamples rows and columns independently. With
infinitely many draws the variance of the resampled mean is known in closed form, so nothing is drawn here. It counts
the interaction of rows and columns three times where it occurs once (as he shows); the surplus is taken off, and
the rows, of which there are few, are resampled to one less than their number (Rao and Wu 1988), both of which leave
the variance without bias. Degrees of freedom are Satterthwaite's (1946), for few rows and many columns. Few degrees
of freedom can make the t interval over rows alone the wider one, which is then returned: who generalises to more is not
surer. Of 360 images with 5 % errors the limits hold the truth in 93 to 96 of 100 cases (simulated in the tests).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from analysis.stats.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWay:
    """A mean over rows and columns with its 95 % limits, and the standard errors from each."""

    interval: Interval
    rows_se: float
    """From the rows alone, as if the columns were all there are."""
    columns_se: float
    """From the columns alone, as if the rows were all there are."""


def two_way(values: "NDArray[np.float64]", confidence: float = 0.95) -> TwoWay:
    """Return the mean of a matrix [rows, columns] with its limits; limits are nan under two of either."""
    rows, columns = values.shape
    mean = float(values.mean()) if values.size else math.nan
    if rows < 2 or columns < 2:
        return TwoWay(interval=Interval(mean, math.nan, math.nan), rows_se=math.nan, columns_se=math.nan)
    by_row, by_column, interaction = _variances(values)
    variance = max(by_row + by_column - interaction, by_row, by_column)
    half = 0.0
    if variance > 0:
        df = max(rows - 1, variance**2 / (by_row**2 / (rows - 1) + by_column**2 / (columns - 1)))
        half = max(_half(df, variance, confidence), _half(rows - 1, by_row, confidence))
    limits = Interval(mean, mean - half, mean + half)
    return TwoWay(interval=limits, rows_se=math.sqrt(by_row), columns_se=math.sqrt(by_column))


def _half(df: float, variance: float, confidence: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + confidence) / 2)) * math.sqrt(variance)


def _variances(values: "NDArray[np.float64]") -> tuple[float, float, float]:
    """Return the variances of the mean from rows, from columns and from their interaction.

    The first two hold the third, each once.
    """
    rows, columns = values.shape
    row_means, column_means = values.mean(1), values.mean(0)
    rest = values - row_means[:, None] - column_means[None, :] + values.mean()
    interaction = float((rest**2).sum()) / ((rows - 1) * (columns - 1))
    by_row, by_column = float(row_means.var(ddof=1)) / rows, float(column_means.var(ddof=1)) / columns
    return by_row, by_column, interaction / (rows * columns)
