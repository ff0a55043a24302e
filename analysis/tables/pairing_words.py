"""The pairing of a study in words: one line of proof, and a warning for each arm that was not paired."""

from analysis.comparison.pairing import Pairing, Unpaired
from analysis.tables.labels import full_label


def pairing_lines(found: Pairing) -> list[str]:
    """Return the line of proof and the warnings; nothing before any trial has begun."""
    return [*_proof(found), *map(_warning, found.unpaired), *_gaps(found)] if found.trials else []


def _proof(found: Pairing) -> list[str]:
    if not found.compared or found.unpaired:
        return []
    least, most = found.shared
    count = f"{least}" if least == most else f"{least} to {most}"
    return [
        "Pairing: all arms of a seed saw the same images in the same order and started from equal shared parameters"
        f" ({count} by name and shape): the digests that {found.trials - found.unrecorded} trials recorded of their"
        " first mini-batch, the order of their first epoch and their initial parameters are equal."
    ]


def _warning(each: Unpaired) -> str:
    seeds = f"seed{'s' if len(each.seeds) > 1 else ''} {', '.join(map(str, each.seeds))}"
    where = full_label({**each.context, **each.arm})
    return f"WARNING, not paired: {where}, {seeds}: not the baseline's {each.what}: {each.reason}."


def _gaps(found: Pairing) -> list[str]:
    if not found.unrecorded:
        return []
    return [
        f"Pairing: {found.unrecorded} of {found.trials} trials recorded no digests of their start, for they are of an"
        " earlier version: of them it is not proved."
    ]
