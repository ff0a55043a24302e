"""Cluster executor: trials on the nodes of a cluster, which may be lost, fall silent, or join at any time.

On each node, or each GPU of it, an agent hosts the executor that one machine has. An agent takes trials once it has
answered for itself: a node that is listed and dead gets none. What it does not answer for is tried elsewhere.
"""

import contextlib
import itertools
import time
import uuid
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from resnet_lab.errors import DiskFullError, UserError
from resnet_lab.runner.executor import Exit
from resnet_lab.runner.fleet.agent import Description, News
from resnet_lab.runner.fleet.cluster import AgentSilentError, Cluster, ClusterError
from resnet_lab.runner.fleet.mirror import Files, read_files, write_files
from resnet_lab.runner.fleet.recruiter import Patience, Recruiter, Seat, kill, words
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import to_json
from resnet_lab.system.energy import Joules
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import FAILED, WorkerSettings

SILENCE_S = 0.1
"""Between two calls of an agent that cannot be reached."""


@dataclass(slots=True, eq=False)
class Member:
    """An agent with slots, the trials there with the numbers of their attempts, and the calls that are under way."""

    seat: Seat
    agent: Hashable
    slots: int
    description: Description
    running: dict[str, tuple[Trial, int]] = field(default_factory=dict)
    submitted: dict[Hashable, tuple[Any, ...]] = field(default_factory=dict)
    """Calls of `submit` by their arguments, so that one can be repeated."""
    poll: Hashable | None = None
    seen: int = 0
    asked_at: float | None = None
    """When it was asked what it has not answered yet, however often that was repeated."""
    has_polled: bool = False
    sees_disk: bool = False

    @property
    def free(self) -> int:
        return self.slots - len(self.running)


class ClusterExecutor:
    """An executor whose slots are those of the agents that answer."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        jobs: int | Literal["auto"],
        settings: WorkerSettings,
        threads: int,
        runs: Iterable[RunSpec] = (),
        patience: Patience | None = None,
    ) -> None:
        """Start an agent on every node, and wait for them. `jobs` are for each; `runs` are examples of what is to come.

        Raises UserError where a node has other code, or none can be used.
        """
        self._cluster, self._patience = cluster, patience or Patience()
        self._recruiter = Recruiter(
            cluster, jobs=jobs, settings=settings, threads=threads, runs=runs, patience=self._patience
        )
        self._members: list[Member] = []
        self._places: dict[str, str] = {}
        self._news: list[str] = []
        self._exits: list[Exit] = []
        self._is_joules_known = True
        self._attempts = itertools.count(1)
        self._probes: set[Path] = set()
        self._probe = f".{uuid.uuid4().hex}"
        self._was_empty = self._is_silent = False
        self._begin()

    @property
    def slots(self) -> int:
        """The sum of the agents' slots; 0 while no node is left."""
        return sum(member.slots for member in self._members)

    def places(self) -> list[tuple[str, int, Description]]:
        """Return name, slots and description of every agent that answers."""
        return [(member.seat.name, member.slots, member.description) for member in self._members]

    def has_room(self, trial: Trial) -> bool:  # noqa: ARG002  # an agent's slots are right for every size
        return any(member.free > 0 for member in self._members)

    def lower_slots(self, name: str) -> None:
        for member in self._members:
            if member.seat.name == self._places.get(name):
                member.slots = max(1, member.slots - 1)

    def submit(self, trial: Trial) -> None:
        member = max(self._members, key=lambda member: member.free)
        attempt = next(self._attempts)
        trial.folder.mkdir(parents=True, exist_ok=True)
        trial.failure_file.unlink(missing_ok=True)
        files = {} if member.sees_disk else read_files(trial.folder)
        arguments = (to_json(trial.spec), attempt, str(trial.root.absolute()), self._probe_in(trial.root), files)
        member.submitted[self._cluster.call(member.agent, "submit", *arguments)] = arguments
        member.running[trial.name] = (trial, attempt)
        self._places[trial.name] = member.seat.name

    def wait(self, timeout: float) -> list[Exit]:
        """Return the trials that ended or whose node was lost, waiting at most `timeout` seconds for the first."""
        self._look()
        self._ask(timeout)
        calls = self._calls()
        if calls:
            self._take(set(self._cluster.wait(list(calls), timeout)))
        if not calls or self._is_silent:  # who cannot be reached answers so at once
            time.sleep(timeout if not calls else min(timeout, SILENCE_S))
        self._is_silent = False
        self._give_up_silent()
        self._note_emptiness()
        exits, self._exits = self._exits, []
        return exits

    def stop(self, name: str) -> None:
        for member in self._members:
            if name in member.running:
                self._cluster.call(member.agent, "stop", name)  # a poll says when it has ended, with its files

    def cancel(self) -> None:
        self._cancel_all(0.0)

    def drain(self, seconds: float) -> None:
        self._cancel_all(seconds)

    def place_of(self, name: str) -> str:
        """Return the node that runs a trial, or ran it last; empty where none did."""
        return self._places.get(name, "")

    def news(self) -> list[str]:
        """Return which nodes joined and were lost since the last call."""
        news, self._news, self._recruiter.news = [*self._recruiter.news, *self._news], [], []
        return news

    def close(self) -> float | None:
        """End every agent. Returns the joules of all nodes, None where those of any are not known."""
        calls = {self._cluster.call(member.agent, "close"): member for member in self._members}
        answers = self._answers(calls, self._patience.stop)
        joules = [(member.seat.node.id, answers.get(call)) for call, member in calls.items()]
        for member in self._members:
            kill(self._cluster, member.agent)
        self._members = []
        self._recruiter.close()
        self._remove_probes()
        return _sum_of(joules) if self._is_joules_known else None

    def _begin(self) -> None:
        """Wait until every node that is listed has answered for itself, or was given up."""
        self._look()
        while calls := self._recruiter.calls():
            self._take(set(self._cluster.wait(calls, 1.0)))
            self._recruiter.give_up_silent()
        if self._recruiter.refused:
            self.close()
            raise UserError(next(iter(self._recruiter.refused.values())))
        if not self._members:
            self.close()
            why = "; ".join(self.news()) or "it lists none that may be used"
            raise UserError(f"the cluster has no node to train on ({why}): start one, or leave out --cluster")

    def _look(self) -> None:
        self._recruiter.look({member.seat.key for member in self._members})

    def _ask(self, timeout: float) -> None:
        for member in self._members:
            if member.poll is None:
                member.poll = self._cluster.call(member.agent, "poll", timeout, member.seen)
                member.asked_at = member.asked_at or time.monotonic()

    def _calls(self) -> list[Hashable]:
        polls = [member.poll for member in self._members if member.poll is not None]
        submits = [call for member in self._members for call in member.submitted]
        return [*polls, *submits, *self._recruiter.calls()]

    def _take(self, ready: set[Hashable]) -> None:
        """Take the answers that have come."""
        for each in self._recruiter.take(ready):
            self._members.append(Member(each.seat, each.agent, each.slots, each.description))
        for member in list(self._members):
            for call in [call for call in member.submitted if call in ready]:
                self._take_submit(member, call)
            if member.poll in ready and member in self._members:
                self._take_poll(member)

    def _take_submit(self, member: Member, call: Hashable) -> None:
        arguments = member.submitted.pop(call)
        try:
            self._cluster.answer(call)
        except AgentSilentError:
            self._is_silent = True
            member.submitted[self._cluster.call(member.agent, "submit", *arguments)] = arguments
        except ClusterError as error:
            self._lose(member, words(error))
        except Exception as error:  # such as a full disk there: the trial does not run
            for trial, attempt in list(member.running.values()):
                if attempt == arguments[1]:
                    del member.running[trial.name]
                    lost = f"{member.seat.name} did not take it: {words(error)}"
                    self._exits.append(Exit(trial=trial, code=FAILED, lost=lost))

    def _take_poll(self, member: Member) -> None:
        call, member.poll = member.poll, None
        try:
            answers: Sequence[News] = self._cluster.answer(call)
        except AgentSilentError:
            self._is_silent = True  # asked again; `_give_up_silent` counts
            return
        except Exception as error:
            self._lose(member, words(error))
            return
        member.asked_at, member.has_polled = None, True
        for news in answers:
            if news.number > member.seen:
                member.seen = news.number
                self._take_news(member, news)

    def _take_news(self, member: Member, news: News) -> None:
        member.sees_disk = news.sees_disk
        for (name, attempt), files in news.files.items():
            if member.running.get(name, (None, 0))[1] == attempt:
                write_files(member.running[name][0].folder, files)
        for ended in news.ended:
            if member.running.get(ended.name, (None, 0))[1] == ended.attempt:
                trial, _ = member.running.pop(ended.name)
                self._exits.append(Exit(trial=trial, code=ended.code, shared=ended.shared))

    def _give_up_silent(self) -> None:
        now = time.monotonic()
        for member in list(self._members):
            patience = self._patience.poll if member.has_polled else self._patience.start
            if member.asked_at is not None and now - member.asked_at > patience:
                self._lose(member, f"no answer for {patience:.0f} s")
        self._recruiter.give_up_silent()

    def _lose(self, member: Member, why: str) -> None:
        """Give a member up: its trials end as lost, and another agent has to answer before the seat is used again."""
        if member not in self._members:  # another call that was under way has said so
            return
        self._members.remove(member)
        kill(self._cluster, member.agent)
        self._recruiter.leave_for_a_while(member.seat)
        self._is_joules_known = False
        self._news.append(f"{member.seat.name} was lost: {why}")
        lost = f"{member.seat.name} was lost: {why}"
        self._exits += [Exit(trial=trial, code=FAILED, lost=lost) for trial, _ in member.running.values()]

    def _note_emptiness(self) -> None:
        is_empty = not self._members
        if is_empty and not self._was_empty:
            self._news.append("no node is left: waiting for one to join; Ctrl-C ends, and the same command goes on")
        self._was_empty = is_empty

    def _cancel_all(self, drain_s: float) -> None:
        """End every trial and take what its folder has, as far as the nodes answer in time."""
        busy = [member for member in self._members if member.running]
        calls = {self._cluster.call(member.agent, "cancel_all", drain_s): member for member in busy}
        answers = self._answers(calls, drain_s + self._patience.stop)
        for call, member in calls.items():
            running, member.running = member.running, {}
            files: dict[str, Files] = answers.get(call) or {}
            for name, changed in files.items():
                if name in running:
                    with contextlib.suppress(OSError, DiskFullError):
                        write_files(running[name][0].folder, changed)
        self._exits = []
        self._remove_probes()

    def _answers(self, calls: Iterable[Hashable], seconds: float) -> dict[Hashable, Any]:
        """Return the answers to calls that come within so many seconds."""
        waiting, deadline, answers = set(calls), time.monotonic() + seconds, {}
        while waiting and (rest := deadline - time.monotonic()) > 0:
            for call in self._cluster.wait(list(waiting), rest):
                waiting.discard(call)
                with contextlib.suppress(Exception):  # one that failed is none that comes
                    answers[call] = self._cluster.answer(call)
        return answers

    def _probe_in(self, root: Path) -> str:
        """Return the name of a file in the trials' folder, by which an agent finds out whether it sees this disk."""
        path = root / self._probe
        if path not in self._probes:
            path.touch()
            self._probes.add(path)
        return self._probe

    def _remove_probes(self) -> None:
        probes, self._probes = self._probes, set()
        for probe in probes:
            probe.unlink(missing_ok=True)


def _sum_of(joules: Sequence[tuple[str, Joules | None]]) -> float | None:
    """Return the joules of agents by their nodes; None where any is not known. Agents of a node share its packages."""
    packages: dict[str, float] = {}
    gpus = 0.0
    for node, each in joules:
        if each is None or each.packages is None or each.gpus is None:
            return None
        packages[node] = max(packages.get(node, 0.0), each.packages)
        gpus += each.gpus
    return sum(packages.values()) + gpus if packages else None
