"""Load of the machine by other programs while a benchmark runs."""

import contextlib
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Seconds: of the clock, of all busy cores, and of this process with its descendants."""

    clock: float
    total: float
    ours: float


def snapshot() -> Snapshot:
    """Read the counters. Time that a hypervisor took away counts as busy."""
    times = psutil.cpu_times()
    # user already holds guest; idle and iowait are free cores.
    busy = sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
    us = psutil.Process()
    return Snapshot(time.perf_counter(), busy, sum(_seconds(process) for process in (us, *us.children(recursive=True))))


def cores_used_by_others(before: Snapshot, after: Snapshot) -> float:
    """Return the mean number of cores other programs used between two snapshots, during which no child ended."""
    others = (after.total - before.total) - (after.ours - before.ours)
    return max(0.0, others / (after.clock - before.clock))


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
