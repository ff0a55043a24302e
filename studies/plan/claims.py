"""Claims of a study: what it says of its arms, and to which cells of a plan that refers.

    CLAIMS = (
        worse_than({"model.block.norm_position": "after_add", "model.depth": 44}, by=1.0),
        equivalent({"model.block.act_position": "none", "model.depth": 20}, margin=0.5),
    )

`--check-claims` answers each: see `analysis.comparison.claims`.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.results.claim import Claim, ClaimKind
from analysis.tables.labels import full_label
from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import parse_value

if TYPE_CHECKING:
    from studies.plan.plan import Plan

POWER = 0.8


def worse_than(
    arm: Mapping[str, Value], baseline: Mapping[str, Value] | None = None, *, by: float = 0.0, power: float = POWER
) -> Claim:
    """Claim that an arm's mean test error is above the baseline's by more than `by` points.

    Both are given by the fields in which they differ from the study's baseline, which is what None stands for. A field
    of the context that one of them names holds for both; where neither does, the claim is made in every context.
    Raises UserError for a `by` below 0 or a power that is no chance.
    """
    if not 0 <= by < 100:
        raise UserError(f"worse_than by={by:g}: it is a difference in points, 0 or more; exchange the arms for better")
    return _claim(ClaimKind.WORSE_THAN, arm, baseline, by, power)


def equivalent(
    arm: Mapping[str, Value], baseline: Mapping[str, Value] | None = None, *, margin: float, power: float = POWER
) -> Claim:
    """Claim that two arms' mean test errors differ by less than `margin` points; the cells are as in `worse_than`.

    Raises UserError for a margin that is not above 0, which leaves nothing to be equivalent within, or a power that is
    no chance.
    """
    if not 0 < margin < 100:
        raise UserError(f"equivalent margin={margin:g}: it is a difference in points, above 0")
    return _claim(ClaimKind.EQUIVALENT, arm, baseline, margin, power)


def _claim(
    kind: ClaimKind, arm: Mapping[str, Value], baseline: Mapping[str, Value] | None, margin: float, power: float
) -> Claim:
    if not 0 < power < 1:
        raise UserError(f"{kind.value} power={power:g}: it is a chance, above 0 and below 1, such as {POWER}")
    return Claim(kind=kind, arm=dict(arm), baseline=dict(baseline or {}), margin=margin, power=power)


def claims_of(plan: "Plan") -> list[Claim]:
    """Return the study's claims on cells that the plan has, each once for every context it is made in, fields complete.

    A cell that the audit merged stands for the one that builds the same network. Raises UserError for a claim with
    an unknown field or value, or on a cell and itself.
    """
    return [found for claim in plan.study.claims for found in _resolved(plan, claim)]


def unanswerable(plan: "Plan") -> list[Claim]:
    """Return the study's claims, as they are declared, of which the plan lacks a cell."""
    return [claim for claim in plan.study.claims if not _resolved(plan, claim)]


def require_claims(plan: "Plan") -> None:
    """Raise UserError where a plan leaves nothing for `--check-claims` to answer."""
    name = plan.study.name
    if not plan.study.claims:
        raise UserError(f"{name} makes no claims: give its STUDY `claims`, or leave out --check-claims")
    if not claims_of(plan):
        raise UserError(
            f"no claim of {name} is on cells of this launch: leave out --set and --design, or --check-claims"
        )


def _resolved(plan: "Plan", claim: Claim) -> list[Claim]:
    """Return a claim once for each context of the plan that it is made in and that has both its cells."""
    names = (*plan.context, *plan.arm)
    sides = [_typed(side) for side in (claim.arm, claim.baseline)]
    if sides[0] == sides[1]:
        raise UserError(f"a claim of {plan.study.name} compares a cell with itself: {full_label(claim.arm)}")
    if any(name not in names for side in sides for name in side):
        return []
    cells: dict[tuple[Value, ...], Mapping[str, Value]] = {
        **{tuple(merged.fields[name] for name in names): merged.same_as for merged in plan.merged},
        **{tuple(fields.values()): fields for fields in map(plan.cell_fields, plan.cells)},
    }
    found: dict[tuple[tuple[Value, ...], ...], Claim] = {}
    for context in map(plan.context_of, plan.cells):
        key = tuple(_cell(plan, context, *pair) for pair in (sides, sides[::-1]))
        if key[0] != key[1] and all(cell in cells for cell in key):  # --set may make the arm the baseline
            own, other = ({name: cells[cell][name] for name in names} for cell in key)
            found[key] = dataclasses.replace(claim, arm=own, baseline=other)
    return list(found.values())


def _typed(fields: Mapping[str, Value]) -> dict[str, Value]:
    """Return fields as a plan has them. Raises UserError for an unknown field or a value that it cannot have."""
    return {name: parse_value(name, str(value)) for name, value in fields.items()}


def _cell(
    plan: "Plan", context: Mapping[str, Value], own: Mapping[str, Value], other: Mapping[str, Value]
) -> tuple[Value, ...]:
    """Return a cell's values: what its side names, the context that the other names, then the baseline's."""
    shared = {name: value for name, value in other.items() if name in plan.context}
    fields = {**context, **plan.baseline(), **shared, **own}
    return tuple(fields[name] for name in (*plan.context, *plan.arm))
