"""Short names of arms and contexts for tables and figures, where a dotted name is too long."""

from collections.abc import Iterable, Mapping, Sequence

from ablations.constraints import unread
from resnet_lab.spec.choices import Value
from resnet_lab.spec.families import unread_by

_SHORTCUT, _FAMILY = "model.block.shortcut", "model.name"


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return {dotted name: its shortest tail that no other name has, one part if possible}."""
    unique = list(dict.fromkeys(names))
    return {name: _shortest(name, [other for other in unique if other != name]) for name in unique}


def _shortest(name: str, others: Sequence[str]) -> str:
    parts = name.split(".")
    tails = (".".join(parts[start:]) for start in range(len(parts) - 1, 0, -1))
    return next((tail for tail in tails if not any(("." + o).endswith("." + tail) for o in others)), name)


def values_label(values: Mapping[str, Value]) -> str:
    """Return the values alone, `before_add / none`."""
    return " / ".join(map(str, values.values()))


def names_label(names: Iterable[str]) -> str:
    """Return the short names, in the order of `values_label`."""
    return " / ".join(short_names(names).values())


def full_label(values: Mapping[str, Value]) -> str:
    """Return `norm_position=before_add, act_position=none`, without what the network does not read."""
    short = short_names(values)
    return ", ".join(f"{short[name]}={value}" for name, value in read(values).items())


def read(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values without those that their shortcut or family does not read, which say nothing of the network."""
    ignored = unread(str(values[_SHORTCUT])) if _SHORTCUT in values else frozenset()
    ignored |= unread_by(str(values[_FAMILY])) if _FAMILY in values else frozenset()
    return {name: value for name, value in values.items() if name.rpartition(".")[2] not in ignored}
