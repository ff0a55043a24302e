"""Record of a trial's training accuracy by mini-batch, where it is asked for: `batches.jsonl`, a line for each epoch.

The accuracy is that of the network on the mini-batch that it is about to learn from, in per cent.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resnet_lab.metrics import BATCH_ACCURACY
from resnet_lab.system import atomic

FILE = "batches.jsonl"
FIRST = "first_iteration"
"""Key of the number, from 1, of an epoch's first mini-batch in the whole run."""
Json = dict[str, Any]


def append(folder: Path, *, epoch: int, first: int, accuracy: Sequence[float]) -> None:
    """Add an epoch: `accuracy` in per cent of each mini-batch, the first of which is the run's number `first`."""
    record = {"epoch": epoch, FIRST: first, BATCH_ACCURACY: [round(value, 4) for value in accuracy]}
    atomic.append(folder / FILE, (json.dumps(record) + "\n").encode())


def read(folder: Path, after: int = 0) -> list[Json]:
    """Return the epochs after number `after`, in order; [] without a record. A line that is torn ends it."""
    try:
        lines = (folder / FILE).read_text().splitlines()
    except OSError:
        return []
    records: list[Json] = []
    for line in lines:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return [record for record in records if record["epoch"] > after]


def trim(folder: Path, epochs: int) -> None:
    """Drop the epochs after number `epochs`, which are trained again. Without effect where there is no record."""
    if (folder / FILE).exists():
        kept = [record for record in read(folder) if record["epoch"] <= epochs]
        atomic.write(folder / FILE, "".join(json.dumps(record) + "\n" for record in kept).encode())
