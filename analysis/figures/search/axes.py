"""Axes of the search figure: the place of a field's value within its range, and the ticks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CLOSE = 0.12
"""Ticks nearer to an end of the axis than this share of it would be written over the end's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One field: a list of levels in their order, or a range of numbers."""

    field: str
    levels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Axis":
        """Read an axis from search.json: {"field", "values"} or {"field", "low", "high", "log"}."""
        if "values" in entry:
            return cls(field=str(entry["field"]), levels=tuple(map(str, entry["values"])))
        return cls(field=str(entry["field"]), low=entry["low"], high=entry["high"], log=bool(entry["log"]))

    def at(self, value: object) -> float:
        """Return the place of a value, 0 at the lower end and 1 at the upper; a lone level is in the middle."""
        if self.levels:
            return self.levels.index(str(value)) / (len(self.levels) - 1) if len(self.levels) > 1 else 0.5
        low, high, number = (self._scaled(float(end)) for end in (self.low, self.high, value))  # type: ignore[arg-type]  # without levels it is a number
        return (number - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        """Return place and text of every level, or of both ends and round numbers between them."""
        if self.levels:
            return [(self.at(level), level) for level in self.levels]
        ends = [(0.0, f"{self.low:.3g}"), (1.0, f"{self.high:.3g}")]
        if not self.high > self.low:
            return [(0.5, f"{self.low:.3g}")]
        inner = [(self.at(value), f"{value:g}") for value in self._round_numbers()]
        return [*ends, *(tick for tick in inner if CLOSE < tick[0] < 1 - CLOSE)]

    def text(self) -> str:
        """Return the levels or the range in words."""
        if self.levels:
            return ", ".join(self.levels)
        return f"{self.low:g} to {self.high:g}" + (" (logarithmic)" if self.log else "")

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def _round_numbers(self) -> list[float]:
        if self.log:
            return [
                10.0**power for power in range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            ]
        from matplotlib.ticker import MaxNLocator

        return [float(v) for v in MaxNLocator(nbins=4).tick_values(self.low, self.high) if self.low < v < self.high]
