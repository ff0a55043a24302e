"""Short names of arms and contexts for tables and figures, where a dotted name is too long."""

from collections.abc import Iterable, Mapping, Sequence

from ablations.constraints import unread
from resnet_lab.spec.choices import Value
from resnet_lab.spec.families import unread_by
from resnet_lab.spec.protocol import is_correct

MANY = 6
"""Fields of an arm; one of more is given by what it changes, for most of its values are the baseline's."""

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
    """Return the short names in their order, `norm_position / act_position`."""
    return " / ".join(short_names(names).values())


def full_label(values: Mapping[str, Value], *, unread_too: bool = False) -> str:
    """Return `norm_position=before_add, act_position=none`, without what the network does not read.

    Of many fields, those of a correct protocol are left out as well.
    """
    short, known = short_names(values), values if unread_too else read(values)
    shown = {name: value for name, value in known.items() if len(values) <= MANY or not is_correct(name, value)}
    named = [f"{short[name]}={value}" for name, value in shown.items()]
    return ", ".join(named or (["correct protocol"] if values else []))


def read(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values without those that their shortcut or family does not read, which say nothing of the network."""
    ignored = unread(str(values[_SHORTCUT])) if _SHORTCUT in values else frozenset()
    ignored |= unread_by(str(values[_FAMILY])) if _FAMILY in values else frozenset()
    return {name: value for name, value in values.items() if name.rpartition(".")[2] not in ignored}
