"""Published figures, and which of them a run can be held against."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from resnet_lab.fields import Value, flatten, replace
from resnet_lab.spec import RunSpec

Statistic = Literal["mean", "median", "best"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One figure: test error in per cent, as `statistic` of `runs` runs."""

    source: str
    table: str
    model: Mapping[str, Value]
    recipe: Mapping[str, Value]
    value: float
    statistic: Statistic
    runs: int
    sd: float | None

    @property
    def protocol(self) -> str:
        """How the figure came about, such as `median of 5`."""
        return "one run" if self.runs == 1 else f"{self.statistic} of {self.runs}"


@cache
def figures() -> tuple[Published, ...]:
    """Return every figure of published.toml."""
    text = (Path(__file__).parent / "published.toml").read_text()
    return tuple(
        Published(
            source=source["name"],
            table=source["table"],
            model=figure["model"],
            recipe=figure.get("recipe", {}),
            value=figure["value"],
            statistic=figure["statistic"],
            runs=figure["runs"],
            sd=figure.get("sd"),
        )
        for source in tomllib.loads(text)["source"]
        for figure in source["figures"]
    )


def figures_for(spec: RunSpec) -> list[Published]:
    """Return the figures published for exactly this network; all are of CIFAR-10."""
    defaults = flatten(RunSpec())
    changed = {n: v for n, v in flatten(spec).items() if n.startswith("model.") and v != defaults[n]}
    return [figure for figure in figures() if _changes(figure) == changed]


def _changes(figure: Published) -> dict[str, Value]:
    defaults = flatten(RunSpec())
    return {name: value for name, value in figure.model.items() if value != defaults[name]}


def deviations(spec: RunSpec, figure: Published) -> list[str]:
    """Return how a run's data and recipe differ from the figure's: `recipe.iterations 320 (published 64000)`.

    Precision is left out: it is measured here to lie within the noise. So is the held-out validation split, which the
    authors used for choosing the schedule.
    """
    ours = flatten(spec)
    theirs = flatten(replace(RunSpec(), {**figure.model, **figure.recipe}))
    names = [n for n in ours if n.startswith(("recipe.", "data.")) and n != "recipe.precision"]
    return [f"{name} {ours[name]} (published {theirs[name]})" for name in names if ours[name] != theirs[name]]
