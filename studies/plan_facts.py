"""What a report must know of a plan that its runs alone do not tell: plan.json."""

from collections.abc import Sequence
from typing import Any, Protocol

from studies.plan import Plan


class Told(Protocol):
    """What a study tells beside its main table: `studies.report.Section`."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...


def plan_facts(plan: Plan, sections: Sequence[Told] = ()) -> dict[str, Any]:
    """Return a plan as JSON takes it, with the text of the report's further sections."""
    return {
        "study": plan.study.name,
        "question": plan.study.question,
        "scale": plan.scale,
        "dataset": plan.cells[0].data.name.value,
        "design": plan.design.value,
        "variant": plan.variant,
        "arm": {name: list(levels) for name, levels in plan.arm.items()},
        "context": {name: list(levels) for name, levels in plan.context.items()},
        "baseline": plan.baseline(),
        "implies": [
            {"field": name, "value": value, "changes": dict(changes)}
            for (name, value), changes in plan.study.implies.items()
        ],
        "aliases": list(plan.aliases),
        "seeds": list(plan.seeds),
        "margin": plan.margin,
        "sections": [{"name": section.name, "text": section.text} for section in sections],
        "runs": plan.rows(),
    }
