"""Pairing of arms: whether all arms of a seed saw the same images in the same order and started from equal parameters.

Each trial records digests of its first mini-batch, of the order of its first epoch and of every initial parameter
(start.json). Within a context and a seed each trial is compared with the baseline's; parameters are shared where name
and shape are equal. Where digests differ, the fields that explain it are named.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.results.trials import TrialRow, group
from resnet_lab.spec.choices import Value

Json = Mapping[str, Any]
BATCH, ORDER, PARAMETERS = "first mini-batch", "order of the first epoch", "shared parameters"
EXPLAINED_BY: Mapping[str, tuple[str, ...]] = {
    ORDER: ("data.", "protocol.seeding"),
    BATCH: (
        "data.",  # of normalise too: zero after it is the border of crops
        "protocol.normalisation",
        "protocol.seeding",
        "recipe.batch_size",
        "recipe.augmentation",
        "recipe.crop_padding",
        "recipe.rotation",
        "recipe.cutout_size",
        "recipe.crop_scale",
        "recipe.mixup",
    ),
    PARAMETERS: ("model.", "recipe.init", "recipe.weights", "protocol.loaded", "protocol.seeding"),
}
"""Fields, or the beginnings of their names, that what was recorded depends on, besides the seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is known of one trial's start: start.json, its fields, and env.json."""

    start: Json
    fields: Json
    environment: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaired:
    """An arm of a context that started otherwise than its baseline, with the seeds in which it did."""

    context: Mapping[str, Value]
    arm: Mapping[str, Value]
    what: str
    """BATCH, ORDER or PARAMETERS, the last with their number."""
    reason: str
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """The pairing of a study."""

    trials: int
    """Trials that have begun."""
    unrecorded: int
    """Those of them that recorded no digests: they are of an earlier version."""
    compared: int
    """Trials that were compared with another of their seed and context."""
    shared: tuple[int, int]
    """The least and the largest number of parameters that two compared trials share."""
    unpaired: tuple[Unpaired, ...]


def pairing(
    runs: Sequence[TrialRow],
    recorded: Mapping[str, Recorded],
    *,
    arm: Sequence[str],
    context: Sequence[str],
    baseline: Mapping[str, Value],
) -> Pairing:
    """Compare the starts of trials; `recorded` is by trial name, for every trial that has begun."""
    begun = [run for run in runs if str(run["trial"]) in recorded]
    known = [run for run in begun if recorded[str(run["trial"])].start]
    first = tuple(baseline[name] for name in arm)
    found: dict[tuple[Any, ...], list[int]] = {}
    shared: list[int] = []
    for (*setting, seed), together in group(known, (*context, "seed")).items():
        reference = next((run for run in together if tuple(run[name] for name in arm) == first), together[0])
        for run in together:
            if run is reference:
                continue
            own, other = recorded[str(run["trial"])], recorded[str(reference["trial"])]
            shared.append(len(_shared(own.start, other.start)))
            for what, reason in _differences(own, other):
                key = (tuple(setting), tuple(run[name] for name in arm), what, reason)
                found.setdefault(key, []).append(int(seed))
    return Pairing(
        trials=len(begun),
        unrecorded=len(begun) - len(known),
        compared=len(shared),
        shared=(min(shared, default=0), max(shared, default=0)),
        unpaired=tuple(
            Unpaired(
                context=dict(zip(context, setting, strict=True)),
                arm=dict(zip(arm, values, strict=True)),
                what=what,
                reason=reason,
                seeds=tuple(seeds),
            )
            for (setting, values, what, reason), seeds in found.items()
        ),
    )


def _shared(own: Json, other: Json) -> list[str]:
    """Return the names of the parameters that have one shape in both."""
    mine, theirs = own["parameters"], other["parameters"]
    return [name for name in mine if name in theirs and mine[name].split()[0] == theirs[name].split()[0]]


def _differences(own: Recorded, other: Recorded) -> Iterator[tuple[str, str]]:
    """Yield what differs in two starts, and why."""
    for what, key in ((ORDER, "order"), (BATCH, "first_batch")):
        if own.start[key] != other.start[key]:
            yield what, _reason(what, own, other)
    names = _shared(own.start, other.start)
    moved = [name for name in names if own.start["parameters"][name] != other.start["parameters"][name]]
    if moved:
        yield f"{len(moved)} of {len(names)} {PARAMETERS}, such as {moved[0]}", _reason(PARAMETERS, own, other)


def _reason(what: str, own: Recorded, other: Recorded) -> str:
    """Return which fields explain a difference; else what else differs between the two trials."""
    names = [name for name in own.fields if name.startswith(EXPLAINED_BY[what])]
    fields = [
        f"{name}={own.fields[name]} where the baseline has {other.fields.get(name)}"
        for name in names
        if own.fields[name] != other.fields.get(name)
    ]
    return ", ".join(fields or _circumstances(own.environment, other.environment)) or "no recorded field explains it"


def _circumstances(own: Json, other: Json) -> Iterable[str]:
    """Yield what besides the fields may make two starts differ."""
    if (own.get("data") or {}).get("sha256") != (other.get("data") or {}).get("sha256"):
        yield "their images differ (SHA-256 of the data)"
    if own.get("code_sha256") != other.get("code_sha256"):
        yield "they were trained by different versions of the code"
    theirs = other.get("packages") or {}
    for name, version in (own.get("packages") or {}).items():
        if name in ("torch", "numpy") and theirs.get(name) != version:
            yield f"{name} {version} and {theirs.get(name)}"
