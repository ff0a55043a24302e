"""An audit as JSON and in words."""

import dataclasses
from typing import Any

from analysis.tables import audit_words
from studies.audit.audit import Audit
from studies.plan.plan import Plan


def as_dict(audit: Audit) -> dict[str, Any]:
    """Return the audit as JSON takes it: facts of each cell, what is not run, every difference, and what is unknown.

    There is no `unknown` where all is known.
    """
    plan = audit.plan
    unknown = [dataclasses.asdict(each) for each in audit.unknown()]
    return {
        "cells": [plan.cell_fields(cell) | audit.of(cell).as_dict() for cell in plan.cells],
        **_left_out(plan),
        "differences": [dataclasses.asdict(difference) for difference in audit.differences()],
        **({"unknown": unknown} if unknown else {}),
        **({"controls": controls(plan)} if plan.controls else {}),
    }


def controls(plan: Plan) -> list[dict[str, Any]]:
    """Return the controls of the arms that are run, as JSON takes them."""
    run = [plan.cell_fields(cell) for cell in plan.cells]
    kept = [each for each in plan.controls if {**each.context, **each.arm} in run]
    return [each.as_dict() for each in kept]


def lines(audit: Audit, width: int = audit_words.WIDTH) -> list[str]:
    """Return what is not run, how arms differ from their baseline besides their names, and the design's aliases."""
    plan, record = audit.plan, as_dict(audit)
    return audit_words.audit_lines(record, arm=plan.arm, context=plan.context, aliases=plan.aliases, width=width)


def left_out_lines(plan: Plan, width: int = audit_words.WIDTH) -> list[str]:
    """Return which cells are not run, and why."""
    return audit_words.left_out_lines(**_left_out(plan), arm=plan.arm, context=plan.context, width=width)


def _left_out(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    return {
        "refused": [{"fields": dict(cell.fields), "reason": cell.reason} for cell in plan.refused],
        "merged": [{"fields": dict(cell.fields), "same_as": dict(cell.same_as)} for cell in plan.merged],
    }
