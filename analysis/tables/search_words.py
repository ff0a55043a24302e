"""A search in words: how many of its trials ended how."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def state_counts(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return `10 trials: 6 complete, 3 pruned, 1 diverged` of the rows of a search, each with its `state`."""
    counts = Counter(row["state"] for row in rows)
    parts = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    total = counts.total()
    return f"{total} trial{'' if total == 1 else 's'}: {parts or 'none has ended'}"
