"""Facts of a plan's networks: known from the cache, or measured here or in forked processes."""

import contextlib
import dataclasses
import functools
import hashlib
import json
from collections import ChainMap
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata

from resnet_lab.inspect.facts import NetworkFacts
from resnet_lab.spec.fields import flatten
from resnet_lab.system import cache
from resnet_lab.system.environment import cores, training_code
from resnet_lab.system.forked_call import submit
from studies.audit.audit import Measured, Network, inspect_networks, network_of
from studies.plan.plan import Plan

WORTH_A_PROCESS = 8
"""Networks: building one takes 20 to 100 ms, a process as much."""


def measure_networks(plan: Plan) -> Measured:
    """Return the facts of every network of a plan. Loads torch only for what is not known."""
    return measure(networks_of(plan))


def measure(networks: Sequence[Network]) -> Measured:
    """Return the facts of networks, each named once. Loads torch only for what is not known."""
    known, unknown = _split(networks)
    return {**known, **_remembered(inspect_networks(unknown) if unknown else {})}


def networks_of(plan: Plan) -> list[Network]:
    """Return every network of a plan once."""
    return list(dict.fromkeys(network_of(cell) for cell in plan.cells))


def start_measuring(plan: Plan) -> Callable[[], Measured]:
    """Start measuring in forks of the workers' server; return what waits for the facts."""
    known, unknown = _split(networks_of(plan))
    asked = [submit(inspect_networks, share) for share in shares_of(unknown, cores())]
    return lambda: {**known, **_remembered(ChainMap(*(dict(share.result()) for share in asked)))}


def shares_of(networks: Sequence[Network], processes: int) -> list[list[Network]]:
    """Deal networks out to at most `processes` processes, a few at least to each."""
    count = max(1, min(processes, len(networks) // WORTH_A_PROCESS))
    return [list(networks[start::count]) for start in range(count) if networks]


def _split(networks: Sequence[Network]) -> tuple[Measured, list[Network]]:
    """Return the facts that are known of networks, and the other networks."""
    known = read_cache(networks)
    return known, [each for each in networks if each not in known]


def _remembered(fresh: Measured) -> Measured:
    write_cache(fresh)
    return fresh


FOLDER, FILE = "audit", "facts.json"
"""Of the cache."""


def read_cache(networks: Iterable[Network]) -> Measured:
    """Return the facts of those networks that are known."""
    held = _held()
    known: dict[Network, NetworkFacts | str] = {}
    for network in networks:
        with contextlib.suppress(KeyError, TypeError, AttributeError):  # unknown, or of another shape: measured again
            known[network] = _facts(held[_key(network)])
    return known


def write_cache(measured: Measured) -> None:
    """Add facts to those that are known."""
    new = {_key(network): _plain(facts) for network, facts in measured.items()}
    if new:
        content = {"code": _code(), "networks": {**_held(), **new}}
        cache.keep(FOLDER, FILE, json.dumps(content).encode())


Plain = dict[str, object] | str


def _held() -> dict[str, Plain]:
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        content = json.loads(cache.read(FOLDER, FILE) or b"{}")
        if content["code"] == _code():
            return dict(content["networks"])
    return {}


def _key(network: Network) -> str:
    model, images = network
    return hashlib.sha256(json.dumps([dataclasses.astuple(images), flatten(model)]).encode()).hexdigest()[:20]


def _plain(facts: NetworkFacts | str) -> Plain:
    return facts if isinstance(facts, str) else dataclasses.asdict(facts)


def _facts(content: Plain) -> NetworkFacts | str:
    if isinstance(content, str):
        return content
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
    return NetworkFacts(**fields)  # type: ignore[arg-type]  # as `_plain` left it


@functools.cache
def _code() -> str:
    return f"{training_code()} torch {metadata.version('torch')}"
