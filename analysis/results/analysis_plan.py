"""analysis_plan.json: what a study set out to do, frozen with a digest before its first trial; its later changes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from analysis.results.json_file import read_json, read_object
from resnet_lab.errors import UserError
from resnet_lab.system import atomic

Json = Mapping[str, Any]
FILE = "analysis_plan.json"
"""The first plan that a trial has a result under, or the next to be tried: not overwritten once there is a result."""
HISTORY = "analysis_plan.history.json"
"""Every other plan, in the order of freezing: those that were replaced before any result, and every later change."""
TRIALS = "trials"
"""The key of a plan that names the folders of its trials, which hold the whole configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPlan:
    """One plan as it was frozen."""

    frozen: str
    plan: Json
    results: int
    """Trials, of this plan or of those before it, that had a result by then."""
    trials: int
    """Trials of this plan; 0 where they are not known beforehand, as in a search."""
    previous: str = ""
    """Digest of the plan that was frozen before it; empty for the first."""
    replaced: bool = False
    """Whether another took its place before any trial had a result."""
    sha256: str = ""
    """The digest that the file states."""

    @classmethod
    def from_dict(cls, content: Json, source: object) -> Self:
        """Return a record of a file. Raises UserError, naming `source`, where it has no plan."""
        try:
            return cls(**content)
        except TypeError:
            raise UserError(f"{source} holds no frozen plan: restore it, or move it away to begin another") from None

    @property
    def digest(self) -> str:
        """Return the SHA-256 of everything else in the record but whether it was replaced, as canonical JSON."""
        content = {name: getattr(self, name) for name in ("frozen", "plan", "results", "trials", "previous")}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def is_intact(self) -> bool:
        """Whether the record is what was frozen."""
        return self.digest == self.sha256

    def as_dict(self) -> dict[str, Any]:
        """Return the record as its file has it, with its digest."""
        names = ("frozen", "plan", "results", "trials", "previous", "replaced")
        return {name: getattr(self, name) for name in names} | {"sha256": self.sha256 or self.digest}


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans of one report: the first that counts, those it replaced, and the later changes."""

    first: FrozenPlan
    replaced: Sequence[FrozenPlan] = ()
    changed: Sequence[FrozenPlan] = ()

    @property
    def last(self) -> FrozenPlan:
        return self.changed[-1] if self.changed else self.first

    @property
    def every(self) -> list[FrozenPlan]:
        """Return all in the order of freezing."""
        return [*self.replaced, self.first, *self.changed]

    @property
    def is_whole(self) -> bool:
        """Whether each plan names the digest of the one before it."""
        every = self.every
        before = ["", *(each.sha256 for each in every[:-1])]
        return [each.previous for each in every] == before


def read_plans(folder: Path) -> Plans | None:
    """Return the plans of a report's folder, or None where none was frozen. Raises UserError for broken files."""
    if not (folder / FILE).exists():
        return None
    first = FrozenPlan.from_dict(read_object(folder / FILE), folder / FILE)
    later = read_json(folder / HISTORY) if (folder / HISTORY).exists() else []
    if not isinstance(later, list):
        raise UserError(f"{folder / HISTORY} holds no list of plans: restore it, or move both files away")
    plans = [FrozenPlan.from_dict(each, folder / HISTORY) for each in later]
    return Plans(first, [each for each in plans if each.replaced], [each for each in plans if not each.replaced])


def trials_of(plans: Plans | None) -> set[str]:
    """Return the names of the trials of every plan."""
    return {name for each in (plans.every if plans else ()) for name in each.plan.get(TRIALS, ())}


def freeze(folder: Path, plan: Json, *, results: int) -> list[Path]:
    """Freeze a plan unless it is the one frozen last; return the files written.

    `results` counts the trials, of this plan and of those before it, that have a result. Where there is none, the plan
    takes the place of the one before, which goes to the history; else the first stays and this one goes there.
    """
    plan = json.loads(json.dumps(plan))  # as it will be read: tuples are lists
    plans = read_plans(folder)
    if plans and plans.last.plan == plan:
        return []
    record = FrozenPlan(
        frozen=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        plan=plan,
        results=results,
        trials=len(plan.get(TRIALS, ())),
        previous=plans.last.sha256 if plans else "",
    )
    folder.mkdir(parents=True, exist_ok=True)
    if plans is None:
        atomic.write_json(folder / FILE, record.as_dict())
        return [folder / FILE]
    history = [each.as_dict() for each in (*plans.replaced, *plans.changed)]
    if results or plans.changed:
        atomic.write_json(folder / HISTORY, [*history, record.as_dict()])
        return [folder / HISTORY]
    # The history first: a launch that dies between the two has both plans on disk.
    atomic.write_json(folder / HISTORY, [*history, plans.first.as_dict() | {"replaced": True}])
    atomic.write_json(folder / FILE, record.as_dict())
    return [folder / FILE, folder / HISTORY]


def differences(old: Json, new: Json) -> dict[str, tuple[Any, Any]]:
    """Return what two plans have at each field that differs, by dotted name; None where a plan lacks it.

    The names of trials are among them only where nothing else says how the plans differ.
    """
    one, other = _flat(old), _flat(new)
    found = {
        name: (one.get(name), other.get(name))
        for name in dict.fromkeys([*one, *other])
        if one.get(name) != other.get(name)
    }
    others = {name: values for name, values in found.items() if name != TRIALS}
    return others or found


def _flat(plan: Json) -> dict[str, Any]:
    """A plan's fields; those of an object of it by `object.name`."""
    fields: dict[str, Any] = {}
    for name, value in plan.items():
        inner = value if isinstance(value, dict) else {}
        fields |= {f"{name}.{key}": each for key, each in inner.items()} or {name: value}
    return fields
