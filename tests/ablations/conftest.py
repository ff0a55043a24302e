"""The whole space of switches, enumerated from the types: a new switch joins every contract by itself."""

import dataclasses
import itertools
from collections.abc import Iterator
from enum import StrEnum
from math import prod
from typing import Any, get_type_hints

import pytest

from ablations.spec import BlockSpec

MANY = 5_000


def _values(hint: Any, default: Any) -> list[Any]:
    """Return what a switch can be; a number is met at its default only."""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return list(hint)
    return [False, True] if hint is bool else [default]


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors: a second thread costs more than it brings, and starves other processes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def space() -> list[dict[str, Any]]:
    """Every combination of switches, legal or not; where they are too many, those of any three switches."""
    hints, fields = get_type_hints(BlockSpec), dataclasses.fields(BlockSpec)
    choices = {field.name: _values(hints[field.name], field.default) for field in fields}
    baseline = {field.name: field.default for field in fields}
    varied = [tuple(choices)] if prod(map(len, choices.values())) <= MANY else itertools.combinations(choices, 3)
    found = {}
    for names in varied:
        for values in itertools.product(*(choices[name] for name in names)):
            switches = baseline | dict(zip(names, values, strict=True))
            found[tuple(switches.values())] = switches
    return list(found.values())


@pytest.fixture(scope="session")
def legal(space: list[dict[str, Any]]) -> list[BlockSpec]:
    """Every combination that can be built."""
    specs = []
    for switches in space:
        try:
            specs.append(BlockSpec(**switches))
        except ValueError:
            continue
    return specs


@pytest.fixture(scope="session")
def covering(legal: list[BlockSpec]) -> list[BlockSpec]:
    """A part of the legal specs in which every legal pair of switch values still occurs."""
    seen: set[tuple[Any, ...]] = set()
    kept, fields = [], [field.name for field in dataclasses.fields(BlockSpec)]
    for spec in reversed(legal):  # those furthest from the baseline hold the most
        switches = [(name, getattr(spec, name)) for name in fields]
        if any(pair not in seen for pair in itertools.combinations(switches, 2)):
            kept.append(spec)
            seen.update(itertools.combinations(switches, 2))
    return kept
