"""Energy of the processor packages, from Linux's RAPL counters.

They count the whole package, whatever uses it, and on most machines only root may read them.
"""

import re
import threading
from collections.abc import Mapping
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
PACKAGE = re.compile(r"intel-rapl:\d+")  # AMD's are named so too; `intel-rapl:0:1` is a part of package 0
PERIOD_S = 60.0
"""The counters wrap around every few minutes at the least, which is seen only if they are read more often."""
MICRO = 1e-6


class Meter:
    """Energy from its creation to `stop`. A thread of its own reads the counters in between."""

    def __init__(self, root: Path = POWERCAP, period_s: float = PERIOD_S) -> None:
        self._ranges = _ranges(root)
        self._last = _read(self._ranges)
        self._joules = 0.0
        self._period_s = period_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="energy", daemon=True)
        if self._last:
            self._thread.start()

    def _follow(self) -> None:
        while not self._stopped.wait(self._period_s):
            self._count()

    def _count(self) -> None:
        now = _read(self._ranges)
        for path, value in now.items():
            self._joules += MICRO * ((value - self._last.get(path, value)) % self._ranges[path])
        self._last |= now

    def stop(self) -> float | None:
        """Return the joules since the beginning, or None where no counter can be read."""
        self._stopped.set()
        if not self._last:
            return None
        self._thread.join()
        self._count()
        return self._joules


def _ranges(root: Path) -> dict[Path, int]:
    """Return {counter: the value at which it wraps around to 0, in microjoules} of each package."""
    ranges = {}
    for folder in sorted(root.glob("intel-rapl:*")):
        if PACKAGE.fullmatch(folder.name):
            limit = _number(folder / "max_energy_range_uj")
            if limit:
                ranges[folder / "energy_uj"] = limit + 1
    return ranges


def _read(counters: Mapping[Path, int]) -> dict[Path, int]:
    return {path: value for path in counters if (value := _number(path)) is not None}


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
