"""Measuring the networks of a plan: those that are not known yet, in this process or aside in others."""

from collections import ChainMap
from collections.abc import Callable, Sequence

from studies.aside import ask
from studies.audit import Measured, Network, measure, network_of
from studies.known_facts import recall, remember
from studies.plan import Plan
from studies.resources import cores

WORTH_A_PROCESS = 8
"""Networks: building one takes 20 to 100 ms, a process as much."""


def measured(plan: Plan) -> Measured:
    """Return the facts of every network of a plan. Loads torch only for what is not known."""
    known, unknown = _split(plan)
    return {**known, **_remembered(measure(unknown) if unknown else {})}


def measuring(plan: Plan) -> Callable[[], Measured]:
    """Start measuring in forks of the workers' server; return what waits for the facts."""
    known, unknown = _split(plan)
    asked = [ask(measure, share) for share in shares_of(unknown, cores())]
    return lambda: {**known, **_remembered(ChainMap(*(dict(share.result()) for share in asked)))}


def shares_of(networks: Sequence[Network], processes: int) -> list[list[Network]]:
    """Deal networks out to at most so many processes, a few at least to each."""
    count = max(1, min(processes, len(networks) // WORTH_A_PROCESS))
    return [list(networks[start::count]) for start in range(count) if networks]


def _split(plan: Plan) -> tuple[Measured, list[Network]]:
    """Return the facts that are known of a plan's networks, and the other networks."""
    networks = list(dict.fromkeys(network_of(cell) for cell in plan.cells))
    known = recall(networks)
    return known, [each for each in networks if each not in known]


def _remembered(fresh: Measured) -> Measured:
    remember(fresh)
    return fresh
