"""An audit in words, in at most 80 columns, and as JSON."""

import dataclasses
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from analysis.tables.labels import full_label
from resnet_lab.spec.choices import Value
from studies.audit.audit import Audit, Difference
from studies.plan.plan import Plan

WIDTH = 80
NAMES = {"parameters": "parameters", "flops": "FLOPs", "depth": "depth", "residual_blocks": "residual blocks"}
YES_OR_NO = {"final_norm": "final norm", "final_activation": "final activation"}
RELATIVE = frozenset({"parameters", "flops"})


def left_out_lines(plan: Plan) -> list[str]:
    """Return which cells are not run, and why."""
    refused = ((cell.fields, f"refused: {cell.reason}") for cell in plan.refused)
    merged = (
        (cell.fields, f"merged: builds the same network as {full_label(_part(cell.same_as, plan.arm))}")
        for cell in plan.merged
    )
    return _wrapped(_grouped(plan, [*refused, *merged]))


def lines(audit: Audit) -> list[str]:
    """Return the whole audit: what is not run, and how the arms differ from their baseline beside their names."""
    found: dict[tuple[tuple[str, Value], ...], list[str]] = {}
    for difference in audit.differences():
        fields = {**difference.context, **difference.arm}
        found.setdefault(tuple(fields.items()), []).append(sentence(difference))
    texts = _grouped(audit.plan, [(dict(fields), ", ".join(told)) for fields, told in found.items()])
    if texts:
        head = "audit: as built, these arms differ from the baseline of their context in"
    else:
        head = (
            f"audit: {len(audit.plan.cells)} networks built; the arms of a context have equal parameters, FLOPs, "
            "depth, residual blocks, final norm and final activation."
        )
    return [*left_out_lines(audit.plan), *textwrap.wrap(head, WIDTH), *_wrapped(texts), *alias_lines(audit.plan)]


def alias_lines(plan: Plan) -> list[str]:
    """Return which effects a fractional design cannot tell apart, or nothing."""
    return ["aliases: this design cannot tell apart", *_wrapped(plan.aliases)] if plan.aliases else []


def sentence(difference: Difference) -> str:
    """Return `depth 110 -> 164`, `parameters 1,727,962 -> 1,703,258 (-1.4 %)` or `no final norm before pooling`."""
    if difference.what in YES_OR_NO:
        name = YES_OR_NO[difference.what]
        if difference.found:
            return f"a {name} before pooling, which the baseline lacks"
        return f"no {name} before pooling"
    text = f"{NAMES[difference.what]} {difference.baseline:,} -> {difference.found:,}"
    if difference.what not in RELATIVE:
        return text
    change = 100 * (difference.found / difference.baseline - 1)
    return f"{text} ({change:+.1f} %)" if abs(change) >= 0.1 else f"{text} ({change:+.1g} %)"


def as_dict(audit: Audit) -> dict[str, Any]:
    """Return the audit as JSON takes it: the facts of each cell, what is not run, and every difference."""
    plan = audit.plan
    return {
        "cells": [plan.cell_fields(cell) | dataclasses.asdict(audit.of(cell)) for cell in plan.cells],
        "refused": [{"fields": dict(cell.fields), "reason": cell.reason} for cell in plan.refused],
        "merged": [{"fields": dict(cell.fields), "same_as": dict(cell.same_as)} for cell in plan.merged],
        "differences": [dataclasses.asdict(difference) for difference in audit.differences()],
    }


def _grouped(plan: Plan, told: Iterable[tuple[Mapping[str, Value], str]]) -> list[str]:
    """Join the contexts in which the same is told of the same arm: `act_position=none (depth 20, 44): ...`."""
    groups: dict[tuple[str, str], list[str]] = {}
    for fields, text in told:
        context = _part(fields, plan.context)
        where = "/".join(map(str, context.values()))
        groups.setdefault((full_label(_part(fields, plan.arm)), text), []).append(where)
    names = "/".join(name.rpartition(".")[2] for name in plan.context)
    return [
        f"{arm} ({names} {', '.join(places)}): {text}" if names else f"{arm}: {text}"
        for (arm, text), places in groups.items()
    ]


def _part(fields: Mapping[str, Value], names: Iterable[str]) -> dict[str, Value]:
    return {name: fields[name] for name in names}


def _wrapped(texts: Iterable[str]) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
    ]
