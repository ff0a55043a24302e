"""Simulated cluster: nodes and agents in this process, for tests and for what a fleet costs its driver.

An agent is a real one but for its executor; calls are carried out where they are made, one after another. Nodes can be
killed, frozen, thawed, and can join.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.simulated import SimulatedExecutor
from resnet_lab.runner.fleet.agent import Agent, Order
from resnet_lab.runner.fleet.cluster import AgentLostError, AgentSilentError, Node
from resnet_lab.runner.fleet.cluster_executor import ClusterExecutor
from resnet_lab.runner.fleet.mirror import Files
from resnet_lab.runner.fleet.recruiter import Patience
from resnet_lab.trials.trial import Trial


@dataclass(eq=False)
class SimulatedAgent:
    """An agent on a node, whether its process lives, and the calls that it has not carried out."""

    node: str
    agent: Any
    lives: bool = True
    calls: "deque[_Call]" = field(default_factory=deque)


@dataclass(eq=False)
class _Call:
    agent: SimulatedAgent
    method: str
    arguments: tuple[Any, ...]
    answer: Any = None
    error: BaseException | None = None
    is_done: bool = False


@dataclass
class SimulatedCluster:
    """Nodes by id; `make_agent` makes what is hosted on one."""

    make_agent: Callable[[Node], Any] = lambda _: Agent()
    listed: dict[str, Node] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    """Nodes that are dead and still listed: their agents' calls fail."""
    frozen: set[str] = field(default_factory=set)
    """Nodes that answer nothing."""
    silent: set[str] = field(default_factory=set)
    """Nodes whose answers are lost on the way, each once carried out."""
    started: list[SimulatedAgent] = field(default_factory=list)
    shared: list[Any] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(node, method) of every call that was carried out."""
    wall: float = 0.0
    cpu: float = 0.0
    """Seconds that agents took, which on a real cluster are those of other machines."""

    @classmethod
    def of(cls, count: int, *, cpus: int = 1, gpus: int = 0, **options: Any) -> "SimulatedCluster":
        """Return a cluster of so many equal nodes n1, n2, ..."""
        cluster = cls(**options)
        for number in range(count):
            cluster.join(f"n{number + 1}", cpus=cpus, gpus=gpus)
        return cluster

    def join(self, name: str, *, cpus: int = 1, gpus: int = 0) -> None:
        self.listed[name] = Node(id=name, name=name, cpus=cpus, gpus=gpus)

    def kill_agent(self, name: str) -> None:
        """Kill the agent of a node that lives on."""
        for each in self.started:
            if each.node == name and each.lives:
                self.kill(each)

    def nodes(self) -> Sequence[Node]:
        return list(self.listed.values())

    def start(self, node: Node, *, gpu: bool) -> Hashable:  # noqa: ARG002  # the protocol's
        made = SimulatedAgent(node.id, None if node.id in self.dead else self.make_agent(node))
        self.started.append(made)
        return made

    def call(self, agent: Any, method: str, *arguments: Any) -> Hashable:
        agent.calls.append(_Call(agent, method, arguments))
        return agent.calls[-1]

    def wait(self, calls: Sequence[Any], timeout: float) -> Sequence[Hashable]:
        ready = [call for call in calls if self._is_done(call)]
        if not ready:
            time.sleep(min(timeout, 0.01))
        return ready

    def answer(self, call: Any) -> Any:
        if call.error is not None:
            raise call.error
        return call.answer

    def share(self, value: Any) -> Any:
        self.shared.append(value)
        return value

    def kill(self, agent: Any) -> None:
        executor = getattr(agent.agent, "_executor", None)
        if agent.lives and executor is not None:
            executor.cancel()
        agent.lives = False

    def _is_done(self, call: _Call) -> bool:
        while not call.is_done and call.agent.node not in self.frozen:
            first = call.agent.calls.popleft()  # in the order of calling
            first.is_done = True
            self._carry_out(first)
        return call.is_done

    def _carry_out(self, call: _Call) -> None:
        node = call.agent.node
        if node in self.dead or not call.agent.lives:
            call.error = AgentLostError("the actor died")
            return
        self.calls.append((node, call.method))
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            call.answer = getattr(call.agent.agent, call.method)(*call.arguments)
        except Exception as error:
            call.error = error
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        if node in self.silent:
            call.error = AgentSilentError("the actor is unavailable")


class SimulatedFleet(ClusterExecutor):
    """A fleet of simulated nodes without a common disk; `wall` and `cpu` are the seconds that its agents took."""

    def __init__(self, nodes: int, dying: float = 0.0, **arguments: Any) -> None:
        """The agent of a node dies under a share `dying` of the trials, each time before it has answered."""
        self._draw, self._dying, self.losses = random.Random(0), dying, 0
        self.nodes = SimulatedCluster.of(nodes, cpus=arguments.pop("slots"), make_agent=lambda _: HostingAgent())
        patience = Patience(look=0.0, again=0.0)
        super().__init__(self.nodes, jobs="auto", patience=patience, **arguments)

    @property
    def wall(self) -> float:
        return self.nodes.wall

    @property
    def cpu(self) -> float:
        return self.nodes.cpu

    def submit(self, trial: Trial) -> None:
        super().submit(trial)
        if self._draw.random() < self._dying:
            self.losses += 1
            self.nodes.kill_agent(self.place_of(trial.name).removeprefix("node "))


class HostingAgent(Agent):
    """An agent whose executor writes trials at once, and who sees no disk of the driver's."""

    def open(self, order: Order) -> int:
        self._executor = SimulatedExecutor(slots=order.cpus, settings=order.settings, threads=1)
        return order.cpus

    def submit(self, spec: str, attempt: int, root: str, probe: str, files: Files) -> None:  # noqa: ARG002
        super().submit(spec, attempt, root, "unseen", files)
