"""Published figures, and which of them a run can be compared with."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from resnet_lab.data.catalog import CATALOG
from resnet_lab.spec import DatasetName, RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten, replace

Statistic = Literal["mean", "median", "best"]
NOT_STATED = "not stated in our sources"


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
    fails: bool = False
    """Whether it is no number but a failure: a test error above `value`."""
    data: str = DatasetName.CIFAR10.value
    split: str = NOT_STATED
    """What is known of the images the published network was trained on."""
    exact: bool = False
    """Whether it is listed only for runs that have the fields of its recipe."""
    recipe_stated: bool = True
    """Whether the recipe is known well enough to be compared with ours."""

    @property
    def text(self) -> str:
        """The figure as a table has it."""
        if self.fails:
            return f"fail (over {self.value:g})"
        return f"{self.value:.2f}" + (f" (sd {self.sd:g})" if self.sd else "")

    @property
    def protocol(self) -> str:
        """How the figure came about, such as `median of 5`."""
        if not self.runs:
            return "runs not stated"
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
            fails=figure.get("fails", False),
            data=figure.get("data", DatasetName.CIFAR10.value),
            split=source.get("split", NOT_STATED),
            exact=figure.get("exact", source.get("exact", False)),
            recipe_stated=source.get("recipe_stated", True),
        )
        for source in tomllib.loads(text)["source"]
        for figure in source["figures"]
    )


def figures_for(spec: RunSpec) -> list[Published]:
    """Return the figures published for exactly this network: those of CIFAR-10, or of the run's data if it has any."""
    defaults = flatten(RunSpec())
    changed = {n: v for n, v in flatten(spec).items() if n.startswith("model.") and v != defaults[n]}
    known = {figure.data for figure in figures()}
    data = spec.data.name.value if spec.data.name.value in known else DatasetName.CIFAR10.value
    same = [figure for figure in figures() if _changes(figure) == changed and figure.data == data]
    ours = flatten(spec)
    return [each for each in same if not each.exact or all(ours[n] == v for n, v in each.recipe.items())]


def _changes(figure: Published) -> dict[str, Value]:
    defaults = flatten(RunSpec())
    return {name: value for name, value in figure.model.items() if value != defaults[name]}


def deviations(spec: RunSpec, figure: Published) -> list[str]:
    """Return how a run's data and recipe differ from the figure's: `recipe.iterations 320 (published 64000)`.

    Any of them makes the two incomparable. Precision is left out: it is measured here to lie within the noise. What
    the sources leave open about the images is returned by `noted`.
    """
    ours = flatten(spec)
    theirs = flatten(replace(RunSpec(), {"data.name": figure.data, **figure.model, **figure.recipe}))
    names = [n for n in ours if n.startswith(("recipe.", "data.")) and n != "recipe.precision"]
    unstated = []
    if not figure.recipe_stated:
        unstated = [f"recipe ({NOT_STATED})"]
        names = [name for name in names if name.startswith("data.") or name in figure.recipe]
    return [f"{n} {ours[n]} (published {theirs[n]})" for n in names if ours[n] != theirs[n]] + unstated


def noted(spec: RunSpec, figure: Published) -> list[str]:
    """Return what may differ and cannot be settled from the sources; printed next to a verdict, it decides nothing.

    Here every run holds images out for validation, 5,000 of CIFAR's 50,000, and trains on the rest. He et al. 2015
    chose their schedule on such a split; on what the final networks were trained, the sources do not say.
    """
    if spec.data.name != figure.data or spec.data.train_images:
        return []  # which is a deviation already
    images = CATALOG[spec.data.name]
    return [f"trained on {images.train:,} images, {images.val:,} held out (published: {figure.split})"]
