"""Published figures, the protocol of each, and which of them a run can be compared with."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ablations.choices import BlockKind, Shortcut
from resnet_lab.data.catalog import info_of
from resnet_lab.engine.schedules import warmup_of
from resnet_lab.spec import DatasetName, RunSpec, Warmup
from resnet_lab.spec.choices import PHOTOGRAPHS, Value
from resnet_lab.spec.families import WITH_BLOCKS
from resnet_lab.spec.fields import flatten, replace
from resnet_lab.spec.protocol import faults_of

Statistic = Literal["mean", "median", "best", "unknown"]
UNKNOWN = "unknown"
IMAGES, PADDING, STRIDE, WARMUP = "images", "padding", "model.block.stride_on", "recipe.warmup"
REQUIRED = (
    *("recipe.optimizer", "recipe.lr", "recipe.momentum", "recipe.momentum_kind", "recipe.weight_decay"),
    *("recipe.batch_size", "recipe.iterations", "recipe.schedule", "recipe.milestone_1", "recipe.milestone_2"),
    *("recipe.lr_decay", WARMUP, "recipe.augmentation", "recipe.crop_padding", "recipe.init", "recipe.select"),
    *("data.normalise", IMAGES, PADDING, STRIDE),
)
"""The parts that every protocol names, be it as `unknown`."""
DECISIVE = ("recipe.optimizer", "recipe.lr", "recipe.schedule", "recipe.iterations")
"""The parts without which nothing can be said: unknown, they are deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a protocol, and where it stands."""

    value: Value
    source: str
    memory: bool = False
    """Whether it was written from memory and not cross-checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a source's figures came about, by the name of the part: a field, or one of `images` and `padding`."""

    parts: Mapping[str, Part]
    noted: tuple[str, ...] = ()
    """What no run has here and changes no function, or has no name."""


NOTHING_STATED = Protocol(parts={})


TEST_ERROR = "test error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One figure: test error in per cent, or what `measure` says, as `statistic` of `runs` runs."""

    source: str
    table: str
    model: Mapping[str, Value]
    recipe: Mapping[str, Value]
    """What it has otherwise than the protocol of its source."""
    value: float
    statistic: Statistic
    runs: int
    """How many; 0 where that is unknown."""
    sd: float | None
    fails: bool = False
    """Whether it is no number but a failure: a test error above `value`."""
    data: str = DatasetName.CIFAR10.value
    exact: bool = False
    """Whether it is listed only for runs that have the fields of its recipe."""
    doubt: str | None = None
    """What the source contradicts itself about, or leaves open."""
    measure: str = TEST_ERROR
    """What the value is."""
    network: str | None = None
    """A network that this project does not build; `model` is then empty."""
    memory: bool = False
    """Whether the figure was not cross-checked."""
    origin: Protocol = field(default=NOTHING_STATED, repr=False)

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

    @property
    def parts(self) -> dict[str, Value]:
        """The value of each part of its protocol."""
        return {name: part.value for name, part in self.origin.parts.items()} | dict(self.recipe)


@cache
def figures() -> tuple[Published, ...]:
    """Return the figures that a run can be held against: test errors of our networks on our data sets."""
    known = set(DatasetName)
    return tuple(f for f in every_figure() if f.measure == TEST_ERROR and f.network is None and f.data in known)


@cache
def every_figure() -> tuple[Published, ...]:
    """Return every figure of published.toml."""
    content = tomllib.loads((Path(__file__).parent / "published.toml").read_text())
    protocols = {name: _protocol(name, table) for name, table in content["protocol"].items()}
    return tuple(
        Published(
            source=source["name"],
            table=source["table"],
            model=figure.get("model", {}),
            recipe=figure.get("recipe", {}),
            value=figure["value"],
            statistic=figure["statistic"],
            runs=0 if figure["runs"] == UNKNOWN else figure["runs"],
            sd=figure.get("sd"),
            fails=figure.get("fails", False),
            data=figure.get("data", source.get("data", DatasetName.CIFAR10.value)),
            exact=figure.get("exact", source.get("exact", False)),
            doubt=figure.get("doubt"),
            measure=figure.get("measure", source.get("measure", TEST_ERROR)),
            network=figure.get("network"),
            memory=figure.get("memory", False),
            origin=protocols[source["protocol"]],
        )
        for source in content["source"]
        for figure in source["figures"]
    )


def _protocol(name: str, table: Mapping[str, Any]) -> Protocol:
    """Read one protocol. Raises ValueError where a part is missing or stands twice."""
    stated = [each for line in table["states"] for each in _said(line)]
    parts = dict(stated)
    missing = [part for part in REQUIRED if part not in parts]
    if missing or len(parts) < len(stated):
        raise ValueError(f"protocol {name} of published.toml names a part twice, or lacks {', '.join(missing)}")
    return Protocol(parts=parts, noted=tuple(table.get("noted", ())))


def _said(line: Mapping[str, Any]) -> list[tuple[str, Part]]:
    about = {"source": line["source"], "memory": line.get("memory", False)}
    return [(name, Part(value=value, **about)) for name, value in line.items() if name not in about]


def figures_for(spec: RunSpec) -> list[Published]:
    """Return the figures published for exactly this network on the run's data, or else on CIFAR-10.

    Where a bottleneck strides and how a shortcut pads are parts of the protocol, not of the network asked for.
    """
    ours, changed = flatten(spec), _changes(flatten(spec))
    same = [figure for figure in figures() if _changes(figure.model) == changed]
    here = [figure for figure in same if figure.data == spec.data.name]
    found = here or [figure for figure in same if figure.data == DatasetName.CIFAR10]
    return [each for each in found if not each.exact or all(ours[n] == v for n, v in each.recipe.items())]


def _changes(fields: Mapping[str, Value]) -> dict[str, Value]:
    """Return the fields of a network that differ from their defaults, without what a protocol states."""
    defaults = flatten(RunSpec())
    own = {name: value for name, value in fields.items() if name.startswith("model.") and name != STRIDE}
    if own.get("model.block.shortcut") == Shortcut.AVG_POOL:
        own["model.block.shortcut"] = Shortcut.A.value
    return {name: value for name, value in own.items() if value != defaults[name]}


def deviations(spec: RunSpec, figure: Published) -> list[str]:
    """Return how a run differs from the figure's protocol: `recipe.iterations 320 (published 64000)`.

    Any of them makes the two incomparable. Precision is left out: it is measured here to lie within the noise. Parts
    that are unknown are returned by `noted`, but for those without which nothing can be said.
    """
    ours, theirs = _ours(spec), _theirs(spec, figure)
    compared = [name for name in ours if name in theirs]
    known = [name for name in compared if theirs[name] != UNKNOWN]
    recalled = {name for name, part in figure.origin.parts.items() if part.memory}
    found = [
        f"{name} {ours[name]} (published {theirs[name]}{', from memory' if name in recalled else ''})"
        for name in known
        if ours[name] != theirs[name]
    ]
    found += [f"{name} {ours[name]} (published: {UNKNOWN})" for name in DECISIVE if theirs.get(name) == UNKNOWN]
    found += [f"{name} {value} (a fault)" for name, value in faults_of(spec).items()]
    if figure.doubt:
        found.append(f"published: {figure.doubt}")
    if not figure.runs or figure.statistic == UNKNOWN:
        found.append(f"number of runs (published: {UNKNOWN})")
    return found


def noted(spec: RunSpec, figure: Published) -> list[str]:
    """Return the parts of the protocol that are unknown, by what is said of them; they decide nothing."""
    ours, theirs = _ours(spec), _theirs(spec, figure)
    unknown: dict[str, list[str]] = {}
    for name in ours:
        if theirs.get(name) == UNKNOWN and name not in DECISIVE:
            unknown.setdefault(figure.origin.parts[name].source, []).append(f"{name} {ours[name]}")
    return [f"{', '.join(parts)} (unknown: {said})" for said, parts in unknown.items()] + list(figure.origin.noted)


NO_PART = frozenset({"recipe.precision", "data.split", "data.trainval"})
"""Fields of data and recipe that no protocol states: a draw of the split is none, as a seed is none, and how many
images are trained on is a part of its own."""


def _ours(spec: RunSpec) -> dict[str, Value]:
    """Return what a protocol can state of a run, by part: its data and recipe, and what matters of its network."""
    fields = flatten(spec)
    parts = {n: v for n, v in fields.items() if n.startswith(("data.", "recipe.")) and n not in NO_PART}
    parts[WARMUP] = warmup_of(spec).value
    if parts[WARMUP] == Warmup.NONE:
        del parts["recipe.warmup_iterations"], parts["recipe.warmup_lr"]
    if spec.data.name in PHOTOGRAPHS:
        parts["data.size"] = info_of(spec.data).size
    parts[IMAGES] = spec.data.train_images or info_of(spec.data).train
    if spec.model.name in WITH_BLOCKS:
        if spec.model.block.shortcut in (Shortcut.A, Shortcut.AVG_POOL):
            parts[PADDING] = spec.model.block.shortcut.value
        if spec.model.block.kind == BlockKind.BOTTLENECK:
            parts[STRIDE] = spec.model.block.stride_on.value
    return parts


def _theirs(spec: RunSpec, figure: Published) -> dict[str, Value]:
    """Return the figure's protocol by part. What no protocol names, such as label smoothing, is at its default."""
    named = figure.parts
    parts: dict[str, Value] = {**flatten(RunSpec()), **named, "data.name": figure.data}
    if parts[WARMUP] == Warmup.AUTO:
        parts[WARMUP] = warmup_of(replace(spec, {WARMUP: Warmup.AUTO.value})).value
    if spec.data.name != figure.data or spec.data.train_images:
        parts.pop(IMAGES, None)  # which is a deviation already
    return parts
