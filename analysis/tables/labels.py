"""How arms and contexts are called in tables and figures, where a dotted name is too long."""

from collections.abc import Iterable, Mapping, Sequence

from resnet_lab.spec.choices import Value


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return {dotted name: as many of its last parts as tell it from the others, one if possible}."""
    every = list(dict.fromkeys(names))
    return {name: _shortest(name, [other for other in every if other != name]) for name in every}


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
    """Return `norm_position=before_add, act_position=none`."""
    short = short_names(values)
    return ", ".join(f"{short[name]}={value}" for name, value in values.items())
