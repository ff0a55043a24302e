"""Dotted names: one name for each field of a spec, used unchanged everywhere."""

import dataclasses
import difflib
import json
import types
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ablations.references import is_own, missing
from ablations.spec import FROZEN
from resnet_lab.errors import RefusedError, UserError, printable
from resnet_lab.spec.choices import ModelName, Value
from resnet_lab.spec.history import as_recorded
from resnet_lab.spec.presets import PRESETS
from resnet_lab.spec.run_spec import RunSpec

CONFIG_FILE = "config.json"
"""Name of the file that holds a folder's spec, as `to_json` writes it."""
Spec = TypeVar("Spec")


def flatten(spec: object) -> dict[str, Value]:
    """Return every field of a spec as {dotted name: primitive value}; enum members become their values."""
    return pick(spec, field_types(type(spec)))  # type: ignore[arg-type]  # a class is hashable


def pick(spec: object, names: Iterable[str]) -> dict[str, Value]:
    """Return some fields of a spec as `flatten` does. Raises AttributeError for a name that is not one."""
    values: dict[str, Value] = {}
    for name in names:
        value = _reader(name)(spec)
        values[name] = value.value if isinstance(value, StrEnum) else value
    return values


@cache
def _reader(name: str) -> Callable[[object], Any]:
    return attrgetter(name)


@cache
def field_types(cls: type = RunSpec) -> Mapping[str, type]:
    """Return {dotted name: bool, int, float, str or a StrEnum} of every leaf field of a spec class."""
    kinds: dict[str, type] = {}
    for name, hint in get_type_hints(cls).items():
        if dataclasses.is_dataclass(hint):
            kinds |= {f"{name}.{leaf}": kind for leaf, kind in field_types(hint).items()}  # type: ignore[arg-type]  # a class is hashable
        else:
            kinds[name] = hint
    return types.MappingProxyType(kinds)


def replace(spec: Spec, changes: Mapping[str, Any]) -> Spec:
    """Return the spec with fields replaced by dotted name.

    All changes are applied at once, so the order of the names does not matter. Values may be text, and
    `model.name` may be a preset such as resnet50, whose fields yield to those given.
    Raises UserError for an unknown name (listing the valid ones) or a bad value, and its subclass RefusedError for an
    invalid combination.
    """
    flat: dict[str, Any] = flatten(spec)
    for name in changes:
        if name not in flat:
            raise UserError(_unknown("field", name, list(flat)))
    return unflatten(type(spec), flat | _with_preset(changes))


def _with_preset(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Spell out a preset that stands where `model.name` does. Raises UserError for a name that is neither."""
    name = changes.get("model.name", ModelName.CIFAR_RESNET)
    preset = PRESETS.get(name)
    if preset is None:
        if not _is_network(str(name)):
            raise UserError(_unknown("network", str(name), [*ModelName, *PRESETS]))
        return dict(changes)
    family = {"model.name": "cifar_resnet"}
    return family | dict(preset) | {name: value for name, value in changes.items() if name != "model.name"}


def _is_network(name: str) -> bool:
    """Whether a name is a family's, or a reference to a network of one's own that can be found."""
    return name in list(ModelName) or (is_own(name) and not missing(name))


def unflatten(cls: type[Spec], flat: Mapping[str, Any]) -> Spec:
    """Build a spec from {dotted name: value}; names that are missing keep their defaults. Raises UserError."""
    valid = list(field_types(cls))  # type: ignore[arg-type]  # a class is hashable; mypy reads type[Spec] as unsure
    for name in flat:
        if name not in valid:
            raise UserError(_unknown("field", name, valid))
    return _build(cls, flat, "")


def _build(cls: type[Spec], flat: Mapping[str, Any], prefix: str) -> Spec:
    values: dict[str, Any] = {}
    for name, hint in get_type_hints(cls).items():
        dotted = prefix + name
        if dataclasses.is_dataclass(hint):
            values[name] = _build(hint, flat, dotted + ".")  # type: ignore[arg-type]  # a spec class
        elif dotted in flat:
            values[name] = flat[dotted]
    try:
        return cls(**values)
    except ValidationError as error:
        kind = RefusedError if error.errors()[0]["type"] == _COMBINATION else UserError
        raise kind(_error_message(error, prefix)) from None


_COMBINATION = "value_error"  # what pydantic calls a ValueError of the spec's own check


def _error_message(error: ValidationError, prefix: str) -> str:
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == _COMBINATION:
        where = prefix.removesuffix(".")
        return f"{where}: {message}" if where else message
    message = missing(str(first["input"])) or message
    return f"{prefix}{'.'.join(map(str, first['loc']))}={_shown(first['input'])}: {message}"


def _shown(value: object) -> str:
    """Return a value that may come from a file as an error message shows it: printable, and not too long."""
    text = printable(str(value))
    return text if len(text) <= 100 else f"{text[:97]}..."


_LISTED = {"field": "python -m resnet_lab.train --help", "network": "python -m resnet_lab.networks"}


def _unknown(kind: str, name: str, valid: list[str]) -> str:
    if why := missing(name):
        return why
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.75)
    if close:
        return f"there is no {kind} {name!r}. Perhaps you meant {close[0]}. {_LISTED[kind]} lists all"
    return f"there is no {kind} {name!r}. The {kind}s are: {', '.join(valid)}"


def parse_assignments(assignments: tuple[str, ...]) -> dict[str, str]:
    """Turn ("model.depth=56", ...) into {"model.depth": "56"}. Raises UserError without `=`, or for a name twice."""
    changes: dict[str, str] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"{text!r} is not NAME=VALUE: write, for example, model.depth=56")
        if name.strip() in changes:
            raise UserError(f"{name.strip()} is set twice: give it once")
        changes[name.strip()] = value.strip()
    return changes


def parse_value(name: str, text: str) -> Value:
    """Return one field's value from its text, typed as the spec holds it; a preset's name stays text.

    Only the field's own type and bounds are checked, not its combination with others. Raises UserError.
    """
    if name not in field_types():
        raise UserError(_unknown("field", name, list(field_types())))
    if name == "model.name" and not _is_network(text):
        if text not in PRESETS:
            raise UserError(_unknown("network", text, [*ModelName, *PRESETS]))
        return text
    try:
        value = _adapter(name).validate_python(text)
    except ValidationError as error:
        raise UserError(f"{name}={_shown(text)}: {_plainly(error)}") from None
    found: Value = value.value if isinstance(value, StrEnum) else value
    return found


def _plainly(error: ValidationError) -> str:
    """Return what is wrong with a value, without the words of the parser."""
    first = error.errors(include_url=False)[0]
    kind = {"float_parsing": "a number", "int_parsing": "a whole number", "bool_parsing": "true or false"}
    expected = kind.get(first["type"])
    if why := missing(str(first["input"])):
        return why
    return f"it takes {expected}" if expected else first["msg"]


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    hint: Any = RunSpec
    for part in name.split("."):
        hint = get_type_hints(hint, include_extras=True)[part]
    return TypeAdapter(hint, config=FROZEN)


def from_json(text: str) -> RunSpec:
    """Read a RunSpec from the JSON of its dotted names, as it was meant when it was written. Raises UserError."""
    try:
        flat = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"the spec is not JSON ({str(error)[:100]}): write it with resnet_lab.spec.fields.to_json"
        ) from None
    if not isinstance(flat, dict):
        raise UserError("the spec is not a JSON object of dotted names: write it with resnet_lab.spec.fields.to_json")
    return unflatten(RunSpec, as_recorded(flat))


def to_json(spec: RunSpec) -> str:
    """Write a RunSpec as the JSON of its dotted names, defaults included."""
    return json.dumps(flatten(spec), indent=2) + "\n"


def choices(name: str) -> tuple[Value, ...]:
    """Return the values an enum or bool field can take, or () for a number or text."""
    kind = field_types()[name]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return tuple(member.value for member in kind)
    return (False, True) if kind is bool else ()
