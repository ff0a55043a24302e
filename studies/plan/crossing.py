"""Crossing: further factors of a study from the command line, `--arm recipe.optimizer=sgd,adam:recipe.lr=0.001`."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import parse_assignments, parse_value
from studies.plan.study import Study

Implied = Mapping[str, Value]


def cross(study: Study, factors: Sequence[str], context: Sequence[str]) -> Study:
    """Return the study with each further factor among its arms; `context` are the fields that its scale varies.

    Raises UserError for an unknown field, a bad value, a single one, or a field that is varied already.
    """
    for name, text in parse_assignments(tuple(factors)).items():
        if name in study.arm or name in context:
            raise UserError(f"{study.name} varies {name} already: give its values by --set {name}={text}")
        study = _with(study, name, _levels(name, text))
    return study


def _with(study: Study, name: str, levels: Mapping[Value, Implied]) -> Study:
    implies = {(name, value): implied for value, implied in levels.items() if implied}
    listed = tuple({**cell, name: value} for value, cell in itertools.product(levels, study.listed))
    return dataclasses.replace(
        study,
        arm={**study.arm, name: tuple(levels)},
        implies={**study.implies, **implies},
        listed=listed,
        names=study.names * len(levels),
    )


def _levels(name: str, text: str) -> dict[Value, Implied]:
    """Return {value: what goes with it}."""
    levels = dict(_level(name, part.strip()) for part in text.split(","))
    if len(levels) < 2:
        raise UserError(f"--arm {name}={text}: a factor has two values or more, the baseline's first; --set fixes one")
    return levels


def _level(name: str, text: str) -> tuple[Value, Implied]:
    """Read `adam:recipe.lr=0.001`; a colon that no assignment follows belongs to the value, as in module:callable."""
    parts = [text.split(":")[0]]
    for part in text.split(":")[1:]:
        if "=" in part:
            parts.append(part)
        else:
            parts[-1] += f":{part}"
    implied = {field: parse_value(field, value) for field, value in parse_assignments(tuple(parts[1:])).items()}
    return parse_value(name, parts[0]), implied
