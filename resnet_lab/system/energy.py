"""Energy of the processor packages, from Linux's RAPL counters, and of the GPUs, from NVIDIA's management library.

They count a whole package or GPU, whatever uses it. On most machines only root may read those of the packages; those of
GPUs (Volta and later) need `nvidia-ml-py`.
"""

import contextlib
import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
PACKAGE = re.compile(r"intel-rapl:\d+")  # AMD's are named so too; `intel-rapl:0:1` is a part of package 0
PERIOD_S = 60.0
"""The packages' counters wrap around every few minutes at the least, which is seen only if they are read more often."""
MICRO, MILLI = 1e-6, 1e-3


@dataclass(frozen=True, slots=True)
class Joules:
    """What a machine took: its processor packages, and the GPUs in use; None where that is not known."""

    packages: float | None
    gpus: float | None = 0.0

    @property
    def total(self) -> float | None:
        """The sum, or None where a part is not known."""
        return None if self.packages is None or self.gpus is None else self.packages + self.gpus


@dataclass(frozen=True, slots=True)
class Counter:
    """What counts energy: how it is read, in which unit (joules), and at how many it begins again."""

    read: Callable[[], int | None]
    unit: float
    wraps_at: int


class Meter:
    """Energy from its creation to `stop`, with the visible GPUs on `cuda`. A thread reads the counters in between."""

    def __init__(self, root: Path = POWERCAP, period_s: float = PERIOD_S, *, device: str = "cpu") -> None:
        self._packages = _Sum(_package_counters(root))
        self._gpus = _Sum(_gpu_counters()) if device.startswith("cuda") else None
        self._period_s = period_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="energy", daemon=True)
        if self._packages.is_known:
            self._thread.start()

    def stop(self) -> Joules:
        """Return the joules since the beginning."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._count()
        return Joules(self._packages.joules, self._gpus.joules if self._gpus is not None else 0.0)

    def _follow(self) -> None:
        while not self._stopped.wait(self._period_s):
            self._count()

    def _count(self) -> None:
        self._packages.count()
        if self._gpus is not None:
            self._gpus.count()


class _Sum:
    """The sum of several counters since its creation; `joules` is None without any that can be read."""

    def __init__(self, counters: Sequence[Counter]) -> None:
        read = [(counter, counter.read()) for counter in counters]
        self._last = [(counter, value) for counter, value in read if value is not None]
        self._joules = 0.0

    @property
    def is_known(self) -> bool:
        return bool(self._last)

    @property
    def joules(self) -> float | None:
        return self._joules if self.is_known else None

    def count(self) -> None:
        for index, (counter, last) in enumerate(self._last):
            now = counter.read()
            if now is not None:
                self._joules += counter.unit * ((now - last) % counter.wraps_at)
                self._last[index] = (counter, now)


def _package_counters(root: Path) -> list[Counter]:
    counters = []
    for folder in sorted(root.glob("intel-rapl:*")):
        limit = _number(folder / "max_energy_range_uj") if PACKAGE.fullmatch(folder.name) else None
        if limit:
            counters.append(Counter(_reader(folder / "energy_uj"), MICRO, limit + 1))
    return counters


def _reader(path: Path) -> Callable[[], int | None]:
    return lambda: _number(path)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _gpu_counters() -> list[Counter]:
    """Return a counter for each visible GPU; none where one of them, or the library, cannot be read."""
    try:
        import pynvml
    except ImportError:
        return []
    with contextlib.suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        counters = [_gpu_counter(pynvml, handle) for handle in _handles(pynvml)]
        return counters if all(counter.read() is not None for counter in counters) else []
    return []


def _handles(pynvml: Any) -> list[Any]:
    """Return the visible GPUs, which CUDA_VISIBLE_DEVICES lists by number or by UUID."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    return [
        pynvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdecimal() else pynvml.nvmlDeviceGetHandleByUUID(name)
        for name in visible.split(",")
    ]


def _gpu_counter(pynvml: Any, handle: Any) -> Counter:
    def read() -> int | None:
        with contextlib.suppress(pynvml.NVMLError):
            return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        return None

    return Counter(read, MILLI, 2**64)
