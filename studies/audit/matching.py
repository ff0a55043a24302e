"""Matching: arms with other parameters or FLOPs than their baseline get a control, the baseline at another width.

An arm is then compared with a network of its own size, or cost, that lacks its switch. One control per arm and context;
arms whose nearest width is the same share it.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

from resnet_lab.errors import RefusedError, UserError
from resnet_lab.inspect.facts import NetworkFacts
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import pick, replace
from studies.audit.audit import Measured, Network, by_context, network_of
from studies.plan.controls import WIDTH, Control
from studies.plan.options import Match
from studies.plan.plan import Plan

Measure = Callable[[Sequence[Network]], Measured]
AROUND = 2
"""Widths measured at once on either side of a guess."""


def with_controls(plan: Plan, what: Match, measure: Measure) -> Plan:
    """Return the plan with a control for every arm that differs from its baseline in `what`.

    The width becomes one of the fields that make an arm, and the controls further arms. Raises UserError where the
    study varies the width itself, and where a baseline has no other.
    """
    base = _base_width(plan)
    sized = dataclasses.replace(
        plan,
        arm={**plan.arm, WIDTH: (base,)},
        reference={**plan.reference, WIDTH: base},
        refused=tuple(dataclasses.replace(each, fields={**each.fields, WIDTH: base}) for each in plan.refused),
        variant=f"matched_{what}",
    )
    sizes = _Sizes(what, measure)
    cells: list[RunSpec] = []
    controls: list[Control] = []
    for here in by_context(sized):
        found = list(_controls(sized, here, sizes))
        cells += dict.fromkeys([*here, *(cell for cell, _ in found)])
        controls += [control for _, control in found]
    levels = tuple(dict.fromkeys(cell.model.width for cell in cells))
    return dataclasses.replace(sized, cells=tuple(cells), controls=tuple(controls), arm={**sized.arm, WIDTH: levels})


def _base_width(plan: Plan) -> int:
    """Return the width of the baselines. Raises UserError where there is none that all cells have."""
    widths = {cell.model.width for cell in plan.cells}
    if WIDTH in plan.arm or WIDTH in plan.context or len(widths) > 1:
        raise UserError(f"--match sets {WIDTH} in the controls, and {plan.study.name} varies it: leave out --match")
    return widths.pop()


@dataclasses.dataclass(frozen=True, slots=True)
class _Sizes:
    """Parameters or FLOPs of networks; none of those that cannot be built."""

    what: Match
    measure: Measure

    def of(self, specs: Sequence[RunSpec]) -> dict[RunSpec, int]:
        facts = self.measure(list(dict.fromkeys(map(network_of, specs))))
        pairs = [(spec, facts[network_of(spec)]) for spec in specs]
        return {spec: int(getattr(found, self.what)) for spec, found in pairs if isinstance(found, NetworkFacts)}


def _controls(plan: Plan, cells: Sequence[RunSpec], sizes: _Sizes) -> Iterator[tuple[RunSpec, Control]]:
    """Yield the controls of one context, each with its cell."""
    known = sizes.of(cells)
    base = next((cell for cell in cells if plan.arm_of(cell) == plan.baseline()), None)
    if base is None or base not in known:
        return
    for cell in cells:
        if cell in known and known[cell] != known[base]:
            control, found = nearest(base, known[base], known[cell], sizes.of)
            yield (
                control,
                Control(
                    context=plan.context_of(cell),
                    arm=plan.arm_of(cell),
                    control=pick(control, plan.arm),
                    what=sizes.what,
                    baseline=known[base],
                    wanted=known[cell],
                    found=found,
                ),
            )


def nearest(
    base: RunSpec, size: int, wanted: int, sizes_of: Callable[[Sequence[RunSpec]], dict[RunSpec, int]]
) -> tuple[RunSpec, int]:
    """Return the run whose width brings its size nearest to `wanted`, and that size.

    The search starts where it would lie if size grew with the square of the width, and ends at a width whose
    neighbours are no nearer. Raises UserError where no other width can be built.
    """
    sizes, tried = {base: size}, {base.model.width}
    guess = max(1, round(base.model.width * math.sqrt(wanted / size)))
    while True:
        fresh = [width for width in range(max(1, guess - AROUND), guess + AROUND + 1) if width not in tried]
        tried.update(fresh)
        sizes |= sizes_of([spec for width in fresh if (spec := _at_width(base, width)) is not None])
        best = min(sizes, key=lambda spec: (abs(sizes[spec] - wanted), spec.model.width))
        guess = best.model.width
        if {max(1, guess - 1), guess + 1} <= tried:
            break
    if len(sizes) == 1:
        raise UserError(f"--match: {base.model.name} has no other width than {base.model.width}: leave out --match")
    return best, sizes[best]


def _at_width(base: RunSpec, width: int) -> RunSpec | None:
    """Return the run at another width, or None where it is refused."""
    try:
        return replace(base, {WIDTH: width})
    except (RefusedError, UserError):
        return None
