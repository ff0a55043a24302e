"""Exclusions: cells of a study's grid that are not run, refused as invalid or merged with another."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from resnet_lab.errors import RefusedError
from resnet_lab.spec.choices import Value
from studies.plan.design import Levels

Fields = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A cell that is not run, by its varied fields, and why."""

    fields: Fields
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A cell that is not run because another of its context builds the same network and trains it alike."""

    fields: Fields
    same_as: Fields


def require_baseline_and_one_arm(
    arm: Levels, cells: Sequence[Fields], refused: Sequence[Refused], set_by_user: Collection[str]
) -> None:
    """Raise the reason of a refusal that takes away the baseline, every other arm, or a level the user asked for."""
    first = {name: values[0] for name, values in arm.items()}
    arms = {tuple(cell[name] for name in arm) for cell in cells}
    alone = len(arms) <= 1
    for cell in refused:
        is_baseline = all(cell.fields[name] == value for name, value in first.items())
        asked = [name for name in cell.fields if name in set_by_user]
        lost = any(all(other[name] != cell.fields[name] for other in cells) for name in asked)
        if is_baseline or alone or lost:
            raise RefusedError(cell.reason)
