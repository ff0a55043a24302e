"""Recruiter of a cluster: has agents started on its nodes, and says which have answered for themselves.

An agent is asked for its code, for the images, which it is sent if its node has none, and to start its executor. One
that fails is tried again later; a node with other code is refused for good.
"""

import contextlib
import time
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from resnet_lab.data import transfer
from resnet_lab.errors import UserError
from resnet_lab.runner.fleet.agent import Description, Order
from resnet_lab.runner.fleet.cluster import Cluster, ClusterError, Node
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import to_json
from resnet_lab.system.environment import training_code
from resnet_lab.trials.worker_settings import WorkerSettings

Key = tuple[str, int | None]
"""Of a seat: its node and GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds to wait for the nodes of a cluster."""

    poll: float = 15.0
    """For an answer of an agent with trials, before they are tried elsewhere."""
    start: float = 300.0
    """For an agent that starts: it loads torch, takes data, measures how many trials at once pay off."""
    stop: float = 15.0
    """For the last words of all agents, when the launch ends."""
    look: float = 1.0
    """Between two looks at which nodes there are."""
    again: float = 5.0
    """Before another agent is started where one was lost; twice as long after each that does not answer."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A place for an agent: a node, or one of its GPUs."""

    node: Node
    gpu: int | None = None

    @property
    def key(self) -> Key:
        return self.node.id, self.gpu

    @property
    def name(self) -> str:
        return f"node {self.node.name}" + ("" if self.gpu is None else f" GPU {self.gpu}")


@dataclass(slots=True, eq=False)
class Candidate:
    """An agent that has not answered for itself yet: the call that is under way, and since when."""

    seat: Seat
    agent: Hashable
    step: Literal["describe", "has_data", "take_data", "open"]
    call: Hashable
    since: float
    description: Description | None = None


@dataclass(frozen=True, slots=True)
class Recruit:
    """An agent that has answered for itself, with so many slots."""

    seat: Seat
    agent: Hashable
    slots: int
    description: Description


class Recruiter:
    """What starts agents and asks them; `refused` has the reason by the seat, `news` what happened, in sentences."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        jobs: int | Literal["auto"],
        settings: WorkerSettings,
        threads: int,
        runs: Iterable[RunSpec],
        patience: Patience,
    ) -> None:
        """`jobs` are for each agent; `runs` are examples of what is to come."""
        self._cluster, self._settings, self._patience = cluster, settings, patience
        self._jobs, self._threads = jobs, threads
        self._runs = {run.data: run for run in runs}  # one for each set of images
        self._candidates: list[Candidate] = []
        self._joined: list[Recruit] = []
        self._tries: dict[Key, tuple[int, float]] = {}
        """How often an agent did not come up at a seat, and when the next may be tried."""
        self._data: Any = None
        self._looked = -patience.look
        self.refused: dict[Key, str] = {}
        self.news: list[str] = []

    def look(self, taken: Collection[Key]) -> None:
        """Start agents where there is none, and none has just failed; seats that are `taken` have one."""
        now = time.monotonic()
        if now - self._looked < self._patience.look:
            return
        self._looked = now
        busy = {*taken, *self.refused, *(each.seat.key for each in self._candidates)}
        with contextlib.suppress(ClusterError):
            for seat in (seat for node in self._cluster.nodes() for seat in self._seats(node)):
                if seat.key not in busy and self._tries.get(seat.key, (0, now))[1] <= now:
                    self._start(seat, now)

    def calls(self) -> list[Hashable]:
        """Return the calls of agents that have not answered."""
        return [candidate.call for candidate in self._candidates]

    def take(self, ready: Collection[Hashable]) -> list[Recruit]:
        """Take the answers that have come, and return who joins."""
        for candidate in [each for each in self._candidates if each.call in ready]:
            self._take_step(candidate)
        joined, self._joined = self._joined, []
        return joined

    def give_up_silent(self) -> None:
        """Give up agents that do not come up."""
        now = time.monotonic()
        for candidate in list(self._candidates):
            if now - candidate.since > self._patience.start:
                self._drop(candidate, f"no answer for {self._patience.start:.0f} s")

    def leave_for_a_while(self, seat: Seat) -> None:
        """Start no agent at the seat of one that was lost, for a while."""
        self._tries[seat.key] = (1, time.monotonic() + self._patience.again)

    def close(self) -> None:
        """End those that have not joined."""
        for candidate in self._candidates:
            kill(self._cluster, candidate.agent)
        self._candidates = []

    def _start(self, seat: Seat, now: float) -> None:
        agent = self._cluster.start(seat.node, gpu=seat.gpu is not None)
        self._candidates.append(Candidate(seat, agent, "describe", self._cluster.call(agent, "describe"), now))

    def _seats(self, node: Node) -> list[Seat]:
        if self._settings.device == "cpu":
            return [Seat(node)] if node.cpus else []
        return [Seat(node, gpu) for gpu in range(node.gpus)]

    def _take_step(self, candidate: Candidate) -> None:
        """Take a candidate's answer and ask the next thing of it; at the end it is a member."""
        try:
            answer = self._cluster.answer(candidate.call)
            self._next_step(candidate, answer)
        except UserError as error:
            self._refuse(candidate, str(error))
        except Exception as error:  # whatever an agent raises, on a machine that we do not know
            self._drop(candidate, words(error))

    def _next_step(self, candidate: Candidate, answer: Any) -> None:
        match candidate.step:
            case "describe":
                candidate.description = answer
                self._require_code(candidate.seat, answer)
                self._ask_for_data(candidate)
            case "has_data" if not answer:
                example = self._example()
                self._go_on(candidate, "take_data", example, self._shared_data())
            case "take_data" if not answer:
                raise UserError(f"{candidate.seat.name} could not keep the data set: give --data-dir a folder it has")
            case "has_data" | "take_data":
                self._go_on(candidate, "open", self._order(candidate.seat))
            case "open":
                self._join(candidate, answer)

    def _ask_for_data(self, candidate: Candidate) -> None:
        if self._runs:
            data_dir = self._settings.data_dir
            self._go_on(candidate, "has_data", self._example(), data_dir and str(data_dir))
        else:
            self._go_on(candidate, "open", self._order(candidate.seat))

    def _go_on(self, candidate: Candidate, step: Literal["has_data", "take_data", "open"], *arguments: Any) -> None:
        candidate.step = step
        candidate.call = self._cluster.call(candidate.agent, step, *arguments)

    def _require_code(self, seat: Seat, description: Description) -> None:
        ours = training_code()
        if description.code != ours:
            raise UserError(
                f"{seat.name} has other code than this machine ({description.code[:12]}, here {ours[:12]}): install "
                "the same version there, or share one environment"
            )

    def _example(self) -> str:
        return to_json(next(iter(self._runs.values())))

    def _shared_data(self) -> Any:
        """Return what stands for the files of the data set, read once: they travel once to each node that lacks it."""
        if self._data is None:
            spec = next(iter(self._runs.values())).data
            self._data = self._cluster.share(transfer.read_set(spec, self._settings.data_dir))
        return self._data

    def _order(self, seat: Seat) -> Order:
        return Order(
            settings=self._settings,
            threads=self._threads,
            jobs=self._jobs,
            cpus=seat.node.cpus,
            runs=[to_json(run) for run in self._runs.values()],
        )

    def _join(self, candidate: Candidate, slots: int) -> None:
        assert candidate.description is not None
        self._candidates.remove(candidate)
        self._joined.append(Recruit(candidate.seat, candidate.agent, slots, candidate.description))
        self._tries.pop(candidate.seat.key, None)
        self.news.append(f"{candidate.seat.name}: {slots} trial{'' if slots == 1 else 's'} at once")

    def _drop(self, candidate: Candidate, why: str) -> None:
        """Give a candidate up, and try the seat again later."""
        self._candidates.remove(candidate)
        kill(self._cluster, candidate.agent)
        tries = self._tries.get(candidate.seat.key, (0, 0.0))[0] + 1
        self._tries[candidate.seat.key] = (tries, time.monotonic() + self._patience.again * 2 ** min(tries, 6))
        if tries == 1:
            self.news.append(f"{candidate.seat.name} cannot be used: {why}")

    def _refuse(self, candidate: Candidate, why: str) -> None:
        self._candidates.remove(candidate)
        kill(self._cluster, candidate.agent)
        self.refused[candidate.seat.key] = why
        self.news.append(why)


def kill(cluster: Cluster, agent: Hashable) -> None:
    """End an agent, which may be gone already."""
    with contextlib.suppress(Exception):
        cluster.kill(agent)


def words(error: BaseException) -> str:
    """Return the first line of an error, or its kind."""
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
