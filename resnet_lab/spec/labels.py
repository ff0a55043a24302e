"""Short labels of a run's varied fields: `norm=after act=none d=44`, as progress output and MLflow name trials."""

from collections.abc import Mapping

from resnet_lab.spec.choices import Value

NAMES = {
    "model.depth": "d",
    "model.width": "w",
    "model.block.norm_position": "norm",
    "model.block.act_position": "act",
}
"""Fields that most studies vary; any other goes by the last part of its dotted name."""
ENDING = "_add"
"""Of the positions before and after the addition, which are told apart without it."""


def short_label(values: Mapping[str, Value]) -> str:
    """Return `norm=after act=none d=44`; numbers have three digits, and names that would coincide are in full."""
    short = {name: NAMES.get(name, name.rpartition(".")[2]) for name in values}
    taken = list(short.values())
    named = {name: label if taken.count(label) == 1 else name for name, label in short.items()}
    return " ".join(f"{named[name]}={value_label(value)}" for name, value in values.items())


def value_label(value: Value) -> str:
    """Return a value, short."""
    return f"{value:.3g}" if isinstance(value, float) else str(value).removesuffix(ENDING)
