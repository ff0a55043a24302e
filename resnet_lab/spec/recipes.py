"""Recipe presets: how published networks were trained, each field with the place where it is stated. Imports no torch.

A preset gives the whole recipe, and how images are normalised: a field that it does not name is at its default. What a
source does not state is named as such. `tests/resnet_lab/spec/test_recipes.py` holds the presets to the protocols of
published figures.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten, pick
from resnet_lab.spec.run_spec import RunSpec

ITERATIONS = "recipe.iterations"
UNDECIDED = frozenset({"recipe.precision", "recipe.weights", "recipe.trained"})
"""Fields of a recipe that no preset decides: the machine's arithmetic, and what a network starts from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Fields that stand in one place."""

    source: str
    fields: Mapping[str, Value]
    memory: bool = False
    """Whether they were written from memory and not cross-checked."""

    @property
    def place(self) -> str:
        """The source, with a word where it was not looked up."""
        return f"{self.source}, from memory" if self.memory else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipePreset:
    """A recipe by name."""

    name: str
    title: str
    stated: tuple[Stated, ...]
    epochs: int | None = None
    """Its length in epochs, where it is not a number of iterations."""
    unstated: tuple[str, ...] = ()
    """Fields that its sources leave open, here at the defaults."""
    noted: str = ""
    """What it had that no field of a recipe says."""

    @property
    def fields(self) -> dict[str, Value]:
        """The fields that its sources name, by dotted name."""
        return {name: value for line in self.stated for name, value in line.fields.items()}

    @property
    def recipe(self) -> dict[str, Value]:
        """Every field that it decides; a length in epochs is none, since its iterations depend on the images."""
        left_out = {*UNDECIDED, *((ITERATIONS,) if self.epochs else ())}
        whole = {name: value for name, value in flatten(RunSpec()).items() if _decided(name) and name not in left_out}
        return whole | self.fields

    @property
    def length(self) -> str:
        """Its length in words: `30 epochs`."""
        return f"{self.epochs} epochs" if self.epochs else f"{self.recipe[ITERATIONS]} iterations"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it, with every field."""
        return {
            "name": self.name,
            "title": self.title,
            "epochs": self.epochs,
            "fields": self.recipe,
            "stated": [{"source": s.source, "memory": s.memory, "fields": dict(s.fields)} for s in self.stated],
            "unstated": list(self.unstated),
            "noted": self.noted,
        }


def _decided(name: str) -> bool:
    return name.startswith("recipe.") or name == "data.normalise"


def find_recipe(name: str) -> RecipePreset:
    """Return a preset. Raises UserError that lists their names for another one."""
    if name not in RECIPES:
        raise UserError(f"there is no recipe {name!r}: the recipes are {', '.join(RECIPES)}")
    return RECIPES[name]


def recipe_record(preset: RecipePreset, runs: Sequence[RunSpec], steps: Sequence[int]) -> dict[str, Any]:
    """Return the preset as reports record it: name, title, sources, and `changed`, what runs have in its place.

    `changed` maps a field to the preset's `value` and to those of the `runs`; `steps` are each run's in an epoch, for
    a length in epochs.
    """
    changed: dict[str, dict[str, Any]] = {}
    for name, value in preset.recipe.items():
        found = list(pick_each(runs, name))
        if set(found) != {value}:
            changed[name] = {"value": value, "runs": list(dict.fromkeys(found))}
    if preset.epochs:
        lengths = {run.recipe.iterations / step for run, step in zip(runs, steps, strict=True)}
        if lengths != {preset.epochs}:
            changed["epochs"] = {"value": preset.epochs, "runs": sorted(lengths)}
    sources = list(dict.fromkeys(stated.place for stated in preset.stated))
    return {
        "name": preset.name,
        "title": preset.title,
        "sources": sources,
        "changed": changed,
        "unstated": list(preset.unstated),
        "noted": preset.noted,
    }


def pick_each(runs: Sequence[RunSpec], name: str) -> Iterator[Value]:
    """Yield a field of each run."""
    return (pick(run, (name,))[name] for run in runs)


def recipe_lines(record: Mapping[str, Any], compared: Collection[str] = ()) -> list[str]:
    """Return a recipe record in words: its name and sources, and what was changed; `compared` fields are not listed."""
    lines = [f"recipe {record['name']}: {record['title']} ({'; '.join(record['sources'])})"]
    changed = [_change(name, each) for name, each in record["changed"].items() if name not in compared]
    lines.append(f"changed: {', '.join(changed) or 'nothing'}")
    if record["unstated"]:
        lines.append(f"not stated there, so at the defaults: {', '.join(record['unstated'])}")
    if record["noted"]:
        lines.append(f"besides: {record['noted']}")
    return lines


def _change(name: str, change: Mapping[str, Any]) -> str:
    values = "/".join(f"{value:g}" if isinstance(value, float) else str(value) for value in change["runs"])
    return f"{name} {values} (the recipe's is {change['value']})"


_SGD: dict[str, Value] = {
    "recipe.optimizer": "sgd",
    "recipe.momentum": 0.9,
    "recipe.weight_decay": 1e-4,
    "recipe.batch_size": 128,
}
_STEPS: dict[str, Value] = {
    "recipe.lr": 0.1,
    "recipe.schedule": "step",
    "recipe.lr_decay": 0.1,
    "recipe.milestone_1": 0.5,
    "recipe.milestone_2": 0.75,
    "recipe.iterations": 64_000,
}
_WARMUP: dict[str, Value] = {"recipe.warmup_iterations": 400, "recipe.warmup_lr": 0.01}
_CROPS: dict[str, Value] = {"recipe.augmentation": "crop_flip", "recipe.crop_padding": 4}
_PLAIN_RATE: dict[str, Value] = {"recipe.schedule": "constant", "recipe.warmup": "none"}
_MNIST = "text T2: from a CNN to a ResNet on MNIST"

_PRESETS = (
    RecipePreset(
        name="he2015",
        title="ResNets on CIFAR-10, He et al. 2015",
        stated=(
            Stated(source="arXiv 1512.03385, section 4.2", fields=_SGD | _STEPS | _CROPS),
            Stated(
                source="arXiv 1512.03385, section 4.2: 0.01 at first, for 110 layers",
                fields={"recipe.warmup": "auto", **_WARMUP},
            ),
            Stated(
                source="arXiv 1512.03385, section 4.2 (He init), by fan-out in the authors' code",
                fields={"recipe.init": "kaiming_fan_out"},
            ),
            Stated(source="arXiv 1512.03385, section 4.2", fields={"data.normalise": "per_pixel"}, memory=True),
        ),
        unstated=("recipe.momentum_kind", "recipe.select"),
    ),
    RecipePreset(
        name="he2016",
        title="ResNets on CIFAR-10, He et al. 2016",
        stated=(
            Stated(
                source="arXiv 1603.05027: as in 1512.03385, section 4.2",
                fields=_SGD | _STEPS | _CROPS | {"recipe.init": "kaiming_fan_out"},
            ),
            Stated(
                source="arXiv 1603.05027, section 3.1: 0.01 for 400 iterations",
                fields={"recipe.warmup": "constant", **_WARMUP},
            ),
            Stated(
                source="resnet-1k-layers, README, note 2: the experiments were conducted in Caffe",
                fields={"recipe.momentum_kind": "caffe"},
            ),
        ),
        unstated=("recipe.select", "data.normalise"),
    ),
    RecipePreset(
        name="wrn2016",
        title="Wide ResNets on CIFAR, Zagoruyko and Komodakis 2016",
        epochs=200,
        stated=(
            Stated(
                source="wide-residual-networks, train.lua",
                fields={
                    "recipe.momentum_kind": "torch",
                    "recipe.weight_decay": 5e-4,
                    "recipe.batch_size": 128,
                    "recipe.lr": 0.1,
                    "recipe.schedule": "step",
                    "recipe.lr_decay": 0.2,
                },
            ),
            Stated(
                source="arXiv 1605.07146, section 3: drops at epochs 60, 120 and 160 of 200",
                fields={
                    "recipe.optimizer": "nesterov",
                    "recipe.momentum": 0.9,
                    "recipe.milestone_1": 0.3,
                    "recipe.milestone_2": 0.6,
                    "recipe.milestone_3": 0.8,
                    "recipe.warmup": "none",
                    **_CROPS,
                },
                memory=True,
            ),
            Stated(
                source="wide-residual-networks, README: mean and standard deviation",
                fields={"data.normalise": "channel"},
            ),
        ),
        unstated=("recipe.init", "recipe.select"),
        noted="200 epochs of 50,000 images; crops padded by reflection",
    ),
    RecipePreset(
        name="huang2016",
        title="Stochastic depth on CIFAR-10, Huang et al. 2016",
        stated=(
            Stated(
                source="Stochastic_Depth, main.lua: 500 epochs of 352 batches",
                fields=_SGD
                | _STEPS
                | {
                    "recipe.optimizer": "nesterov",
                    "recipe.momentum_kind": "torch",
                    "recipe.iterations": 176_000,
                    "recipe.warmup": "none",
                },
            ),
            Stated(
                source="Stochastic_Depth, cifar-dataset.lua",
                fields={**_CROPS, "data.normalise": "per_pixel"},
            ),
            Stated(
                source="Stochastic_Depth, README: selected by best validation error",
                fields={"recipe.select": "best_validation"},
            ),
        ),
        unstated=("recipe.init",),
        noted="model.block.drop_path=0.5, its subject; a shortcut of average pooling and zero channels",
    ),
    RecipePreset(
        name="cycle30",
        title="30 epochs, one cycle: a short run that ends at a small rate",
        epochs=30,
        stated=(
            Stated(
                source="arXiv 1708.07120 (its shape by torch's OneCycleLR)",
                fields={"recipe.schedule": "one_cycle", "recipe.warmup": "none"},
            ),
            Stated(source="this project's own choice, otherwise he2015", fields=_SGD | _CROPS | {"recipe.lr": 0.1}),
        ),
    ),
    RecipePreset(
        name="t1",
        title="A reproduction of the 6n+2 net on CIFAR-10",
        stated=(
            Stated(
                source="text T1: the settings of arXiv 1512.03385, section 4.2, with crop and flip",
                fields=_SGD | _STEPS | _CROPS,
            ),
            Stated(source="text T1: images in [0, 1]", fields={"data.normalise": "none"}),
        ),
        unstated=("recipe.momentum_kind", "recipe.warmup", "recipe.init", "recipe.select"),
        noted="its first attempt was Adam at 1e-3, then 1e-4",
    ),
    RecipePreset(
        name="t2",
        title="A CNN on MNIST",
        epochs=10,
        stated=(
            Stated(
                source=f"{_MNIST}, the 8,550-parameter CNN",
                fields={
                    "recipe.optimizer": "sgd",
                    "recipe.lr": 0.01,
                    "recipe.momentum": 0.5,
                    "recipe.batch_size": 64,
                    "recipe.augmentation": "none",
                    "data.normalise": "fixed",
                    **_PLAIN_RATE,
                },
            ),
            Stated(
                source="not stated: torch's defaults", fields={"recipe.weight_decay": 0.0, "recipe.init": "default"}
            ),
        ),
        unstated=("recipe.select",),
    ),
    RecipePreset(
        name="t2_deep",
        title="A deeper CNN on MNIST",
        epochs=100,
        stated=(
            Stated(
                source=f"{_MNIST}, the 232,554-parameter CNN",
                fields={
                    "recipe.optimizer": "rmsprop",
                    "recipe.lr": 1e-3,
                    "recipe.momentum": 0.5,
                    "recipe.batch_size": 512,
                    "recipe.schedule": "plateau",
                    "recipe.lr_decay": 0.5,
                    "recipe.plateau_patience": 3,
                    "recipe.warmup": "none",
                    "recipe.augmentation": "shift_rotate",
                    "recipe.init": "kaiming_fan_out",
                    "data.normalise": "fixed",
                },
            ),
            Stated(source="not stated: torch's default", fields={"recipe.weight_decay": 0.0}),
        ),
        unstated=("recipe.crop_padding", "recipe.rotation", "recipe.select"),
        noted="its plateau watched the test accuracy; here it is the validation error",
    ),
    RecipePreset(
        name="t2_resnet",
        title="A small ResNet on MNIST",
        epochs=20,
        stated=(
            Stated(
                source=f"{_MNIST}, the ResNet of three stages",
                fields={
                    "recipe.optimizer": "sgd",
                    "recipe.lr": 0.04,
                    "recipe.momentum": 0.5,
                    "recipe.augmentation": "none",
                    "data.normalise": "fixed",
                    **_PLAIN_RATE,
                },
            ),
            Stated(
                source="not stated: torch's defaults", fields={"recipe.weight_decay": 0.0, "recipe.init": "default"}
            ),
        ),
        unstated=("recipe.batch_size", "recipe.select"),
    ),
    RecipePreset(
        name="t3",
        title="ResNet50V2 on a folder of photographs",
        epochs=10,
        stated=(
            Stated(source="text T3: ResNet V2", fields={"recipe.optimizer": "adam", "recipe.batch_size": 8}),
            Stated(
                source="not stated: Keras's defaults",
                fields={"recipe.lr": 1e-3, "recipe.weight_decay": 0.0, "recipe.init": "xavier", **_PLAIN_RATE},
            ),
            Stated(source="not stated: taken as none", fields={"recipe.augmentation": "none"}),
        ),
        unstated=("data.normalise", "recipe.select"),
        noted="224 pixels; a fifth of the images for validation",
    ),
    RecipePreset(
        name="t4",
        title="Transfer to small sets, ResNet-50 and DenseNet-121",
        epochs=20,
        stated=(
            Stated(
                source="text T4: ResNet, DenseNet, SENet; transfer",
                fields={"recipe.optimizer": "adam", "recipe.lr": 2e-4, "recipe.batch_size": 32},
            ),
            Stated(source="not stated: torch's defaults", fields={"recipe.weight_decay": 0.0, **_PLAIN_RATE}),
            Stated(source="not stated: taken as none", fields={"recipe.augmentation": "none"}),
        ),
        unstated=("recipe.init", "data.normalise", "recipe.select"),
        noted="crops of 224 pixels; a frozen backbone under a new head",
    ),
)
RECIPES: Mapping[str, RecipePreset] = MappingProxyType({preset.name: preset for preset in _PRESETS})
"""The presets by name, for `--recipe`."""
