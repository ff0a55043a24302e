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
    networks = _networks(plan)
    known = recall(networks)
    unknown = [each for each in networks if each not in known]
    return {**known, **_remembered(measure(unknown))} if unknown else known


def measuring(plan: Plan) -> Callable[[], Measured]:
    """Start measuring in forks of the workers' server; return what waits for the facts."""
    networks = _networks(plan)
    known = recall(networks)
    unknown = [each for each in networks if each not in known]
    asked = [ask(measure, share) for share in shares_of(unknown, cores())]
    return lambda: {**known, **_remembered(ChainMap(*(dict(share.result()) for share in asked)))}


def shares_of(networks: Sequence[Network], processes: int) -> list[list[Network]]:
    """Deal networks out to at most so many processes, a few at least to each."""
    count = max(1, min(processes, len(networks) // WORTH_A_PROCESS))
    return [list(networks[start::count]) for start in range(count) if networks]


def _networks(plan: Plan) -> list[Network]:
    return list(dict.fromkeys(network_of(cell) for cell in plan.cells))


def _remembered(fresh: Measured) -> Measured:
    remember(fresh)
    return fresh
