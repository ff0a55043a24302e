"""Fleet: an executor over executors of this machine, such as one for each of its GPUs."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Protocol

from resnet_lab.runner.executor import Executor, Exit
from resnet_lab.trials.trial import Trial


class Member(Executor, Protocol):
    """An executor that can be waited for together with others."""

    def waited_for(self) -> Sequence[Connection | int]:
        """Return what becomes ready where a trial ends."""


class Fleet:
    """An executor whose slots are those of its members; a trial goes to the member with the most free ones."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        """`members` are executors by the name of their place, such as `cuda:1`. Raises ValueError without any."""
        if not members:
            raise ValueError("a fleet has at least one member")
        self._members = dict(members)
        self._places: dict[str, str] = {}
        self._running: dict[str, set[str]] = {name: set() for name in members}

    @property
    def slots(self) -> int:
        """The sum of the members' slots."""
        return sum(member.slots for member in self._members.values())

    def has_room(self, trial: Trial) -> bool:
        return any(self._free(place) > 0 and member.has_room(trial) for place, member in self._members.items())

    def lower_slots(self, name: str) -> None:
        if name in self._places:
            self._members[self._places[name]].lower_slots(name)

    def submit(self, trial: Trial) -> None:
        fitting = [place for place in self._members if self._members[place].has_room(trial)]
        place = max(fitting or self._members, key=self._free)
        self._members[place].submit(trial)
        self._running[place].add(trial.name)
        self._places[trial.name] = place

    def wait(self, timeout: float) -> list[Exit]:
        """Return the trials that ended, of all members, waiting at most `timeout` seconds for the first."""
        if exits := self._ended():
            return exits
        connection.wait([each for member in self._members.values() for each in member.waited_for()], timeout)
        return self._ended()

    def stop(self, name: str) -> None:
        for place, member in self._members.items():
            if name in self._running[place]:
                member.stop(name)

    def cancel(self) -> None:
        for place, member in self._members.items():
            member.cancel()
            self._running[place].clear()

    def drain(self, seconds: float) -> None:
        with ThreadPoolExecutor(len(self._members)) as threads:  # all at once: the seconds are those of one
            list(threads.map(lambda member: member.drain(seconds), self._members.values()))

    def place_of(self, name: str) -> str:
        """Return the name of the member that runs a trial, or ran it last; empty where none did."""
        return self._places.get(name, "")

    def news(self) -> list[str]:
        """Return nothing: the members are those there were at the start."""
        return []

    def _free(self, place: str) -> int:
        return self._members[place].slots - len(self._running[place])

    def _ended(self) -> list[Exit]:
        exits: list[Exit] = []
        for place, member in self._members.items():
            ended = member.wait(0)
            self._running[place] -= {each.trial.name for each in ended}
            exits += ended
        return exits
