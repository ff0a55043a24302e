"""The audit of a plan: what its arms are once they are built, and how they differ besides their names.

Every arm is built on the meta device before anything is run. Arms that are the same network, trained alike on the same
images, are merged. What is left is compared, within each context, with the baseline.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from resnet_lab.data.catalog import ImageShape, shape_of
from resnet_lab.errors import RefusedError
from resnet_lab.inspect.facts import NetworkFacts
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.choices import Value
from studies.plan.exclusions import Merged, Refused
from studies.plan.plan import Plan

Network = tuple[ModelSpec, ImageShape]
"""What facts depend on: a network, and the images that give its channels, classes and size."""
Measured = Mapping[Network, NetworkFacts | str]
"""The facts of each network, or why it cannot be built."""
COMPARED = ("parameters", "flops", "depth", "residual_blocks", "final_norm", "final_activation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One arm of one context and its baseline, which differ in `what`, one of COMPARED."""

    arm: Mapping[str, Value]
    context: Mapping[str, Value]
    what: str
    baseline: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """One arm of one context of whose network some of COMPARED is not known, or which has parts that nothing knows."""

    arm: Mapping[str, Value]
    context: Mapping[str, Value]
    what: tuple[str, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A plan without the cells that are another's network, and the facts of the cells it keeps."""

    plan: Plan
    facts: Mapping[Network, NetworkFacts]

    def of(self, spec: RunSpec) -> NetworkFacts:
        """Return the facts of a run's network."""
        return self.facts[network_of(spec)]

    def metrics_of(self, spec: RunSpec) -> dict[str, float]:
        """Return what a trial's run logs of its network."""
        facts = self.of(spec)
        return {"model/parameters": facts.parameters, "model/flops": facts.flops}

    def differences(self) -> list[Difference]:
        """Return every difference between an arm and the baseline of its context, in the order of the table."""
        return [found for cells in by_context(self.plan) for found in self._against_baseline(cells)]

    def unknown(self) -> list[Unknown]:
        """Return what is not known of an arm's network, for every arm with such a thing, in the order of the table."""
        known = [(cell, self.of(cell)) for cell in self.plan.cells]
        return [
            Unknown(
                arm=self.plan.arm_of(cell),
                context=self.plan.context_of(cell),
                what=facts.unknown,
                parts=facts.unknown_parts,
            )
            for cell, facts in known
            if facts.unknown or facts.unknown_parts
        ]

    def _against_baseline(self, cells: Sequence[RunSpec]) -> Iterator[Difference]:
        first = next((cell for cell in cells if self.plan.arm_of(cell) == self.plan.baseline()), None)
        if first is None:
            return
        for cell in cells:
            for what in COMPARED:
                if what in self.of(first).unknown + self.of(cell).unknown:
                    continue
                expected, found = getattr(self.of(first), what), getattr(self.of(cell), what)
                if expected != found:
                    yield Difference(
                        arm=self.plan.arm_of(cell),
                        context=self.plan.context_of(cell),
                        what=what,
                        baseline=int(expected),
                        found=int(found),
                    )


def network_of(spec: RunSpec) -> Network:
    """Return the part of a run that its facts depend on."""
    return spec.model, shape_of(spec)


def inspect_networks(networks: Sequence[Network]) -> dict[Network, NetworkFacts | str]:
    """Build every network on the meta device: loads torch. A network that cannot be built has its reason instead."""
    from resnet_lab.inspect.facts import inspect

    measured: dict[Network, NetworkFacts | str] = {}
    for model, images in dict.fromkeys(networks):
        try:
            measured[model, images] = inspect(model, images)
        except (ValueError, RuntimeError) as error:  # what torch and the factory raise for shapes that do not fit
            measured[model, images] = f"the network cannot be built: {str(error).splitlines()[0]}"
    return measured


def audit(plan: Plan, measured: Measured) -> Audit:
    """Leave out what cannot be built, merge what is the same.

    Raises RefusedError, with the reason, where a baseline cannot be built.
    """
    facts = {network: found for network, found in measured.items() if isinstance(found, NetworkFacts)}
    kept: list[RunSpec] = []
    refused, merged = list(plan.refused), list(plan.merged)
    for cells in by_context(plan):
        seen: dict[object, RunSpec] = {}
        for cell in sorted(cells, key=lambda cell: plan.arm_of(cell) != plan.baseline()):
            found = measured[network_of(cell)]
            if isinstance(found, str):
                if plan.arm_of(cell) == plan.baseline():
                    raise RefusedError(found)
                refused.append(Refused(fields=plan.cell_fields(cell), reason=found))
                continue
            twin = seen.setdefault((found.signature, cell.data, cell.recipe, cell.protocol), cell)
            if twin is cell:
                kept.append(cell)
            else:
                merged.append(Merged(fields=plan.cell_fields(cell), same_as=plan.cell_fields(twin)))
    still = set(kept)
    left = tuple(cell for cell in plan.cells if cell in still)
    reduced = dataclasses.replace(plan, cells=left, refused=tuple(refused), merged=tuple(merged))
    return Audit(plan=reduced, facts=facts)


def by_context(plan: Plan) -> list[list[RunSpec]]:
    """Return the cells of each context, in the order of the table."""
    groups: dict[tuple[Value, ...], list[RunSpec]] = {}
    for cell in plan.cells:
        groups.setdefault(tuple(plan.context_of(cell).values()), []).append(cell)
    return list(groups.values())
