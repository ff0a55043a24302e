"""Clusters: the protocol of what starts agents on nodes and carries calls to them, and how that fails."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of a cluster, with what the cluster may use of it."""

    id: str
    name: str
    cpus: int
    gpus: int = 0


class ClusterError(RuntimeError):
    """A call that reached no agent."""


class AgentLostError(ClusterError):
    """The agent's process is dead, or its node."""


class AgentSilentError(ClusterError):
    """The agent cannot be reached now, and may come back; whether it has heard the call is not known."""


class Cluster(Protocol):
    """Nodes that come and go, agents on them, and calls of their methods, which an agent carries out in order."""

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are listed; one that has just died may be among them."""

    def start(self, node: Node, *, gpu: bool) -> Hashable:
        """Start an agent on a node, with a GPU to itself or without any, and return it at once."""

    def call(self, agent: Hashable, method: str, *arguments: Any) -> Hashable:
        """Call a method of an agent and return at once what stands for its answer."""

    def wait(self, calls: Sequence[Hashable], timeout: float) -> Sequence[Hashable]:
        """Return those that are answered, or have failed, waiting at most `timeout` seconds for the first."""

    def answer(self, call: Hashable) -> Any:
        """Return the answer of a call that `wait` returned. Raises ClusterError, or what the method raised."""

    def share(self, value: Any) -> Any:
        """Return what to give to calls in a large value's place: it travels once to each node."""

    def kill(self, agent: Hashable) -> None:
        """End an agent and its workers at once."""
