"""Search spaces: ranges and lists of values, by dotted name."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import field_types

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, slots=True, kw_only=True)
class Tune:
    """A number's range, limits included. Raises UserError for a range that holds nothing."""

    field: str
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if field_types().get(self.field) not in (int, float):
            raise UserError(f"{self.field} is no number of a run: tune a field such as recipe.lr")
        if not (math.isfinite(self.high) and self.low < self.high and (self.low > 0 or not self.log)):
            above = " above 0" if self.log else ""
            raise UserError(f"{self.field} from {self.low:g} to {self.high:g}: give two limits{above}, the lower first")

    def suggest(self, trial: "optuna.Trial") -> Value:
        """Return the trial's value."""
        if field_types()[self.field] is int:
            return trial.suggest_int(self.field, math.ceil(self.low), math.floor(self.high), log=self.log)
        return trial.suggest_float(self.field, self.low, self.high, log=self.log)

    def holds(self, value: Value) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """One of a list of values."""

    field: str
    values: tuple[Value, ...]

    def suggest(self, trial: "optuna.Trial") -> Value:
        """Return the trial's value."""
        value: Value = trial.suggest_categorical(self.field, self.values)  # type: ignore[assignment]  # None is not in it
        return value

    def holds(self, value: Value) -> bool:
        return value in self.values


Space = tuple[Tune | Choose, ...]


def loguniform(field: str, low: float, high: float) -> Tune:
    """Return a range in which equal ratios are equally likely."""
    return Tune(field=field, low=low, high=high, log=True)


def uniform(field: str, low: float, high: float) -> Tune:
    """Return a range in which equal differences are equally likely."""
    return Tune(field=field, low=low, high=high)


def start_of(space: Space, flat: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values that a run has already, where the space holds them all; else nothing."""
    values = {each.field: flat[each.field] for each in space}
    return values if all(each.holds(flat[each.field]) for each in space) else {}
