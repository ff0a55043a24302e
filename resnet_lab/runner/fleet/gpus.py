"""GPUs of this machine that a launch uses: all that are visible, or those that are asked for."""

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from resnet_lab.errors import UserError
from resnet_lab.runner.executor import Executor
from resnet_lab.runner.fleet.fleet import Fleet
from resnet_lab.runner.packed_executor import PackedExecutor
from resnet_lab.runner.packing import Packing
from resnet_lab.spec import RunSpec
from resnet_lab.trials.worker_settings import WorkerSettings

VISIBLE = "CUDA_VISIBLE_DEVICES"


MIG = "MIG-"
SLICES = Path("/proc/driver/nvidia/capabilities")
"""Where the driver has a folder for each slice of each GPU."""


def visible_gpus(count: int, listing: str = "") -> tuple[str, ...]:
    """Return the visible GPUs as CUDA_VISIBLE_DEVICES names them; `count` is how many torch sees.

    A slice (MIG) counts as a GPU: CUDA shows a process one of them, however many are named. Those of a GPU that is
    named as a whole are read from `listing`, see `list_slices`.
    """
    listed = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    if listed and all(name.startswith(MIG) for name in listed):
        return tuple(dict.fromkeys(listed))
    names = listed[:count] if len(listed) >= count else list(map(str, range(count)))
    return tuple(part for name in names for part in _slices_of(name, listing) or (name,))


def list_slices() -> str:
    """Return what `nvidia-smi -L` prints where a GPU of this machine is cut into slices, else nothing."""
    if not any(SLICES.glob("gpu*/mig/gi*")):
        return ""
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _slices_of(name: str, listing: str) -> list[str]:
    """Return the slices of a GPU, which is named by its number or the beginning of its UUID."""
    found: list[str] = []
    inside = False
    for line in listing.splitlines():
        uuid = line.rpartition("UUID: ")[2].rstrip(") ")
        if gpu := re.match(r"GPU (\d+):", line):
            inside = name == gpu[1] or (not name.isdigit() and uuid.startswith(name))
        elif inside and uuid.startswith(MIG):
            found.append(uuid)
    return found


def choose_gpus(asked: str | None, visible: Sequence[str]) -> tuple[str, ...]:
    """Return those of the visible GPUs that `asked` lists by their place, `0,1,3`; all where it is None.

    Raises UserError for a place that is no number, is listed twice, or is not there.
    """
    if asked is None:
        return tuple(visible)
    places = [place.strip() for place in asked.split(",")]
    there = f"this machine shows {len(visible)} GPU{'' if len(visible) == 1 else 's'}, counted from 0"
    for place in places:
        if not (place.isascii() and place.isdigit()):
            raise UserError(f"--devices {asked}: give numbers of GPUs with commas between, such as 0,1,3")
        if int(place) >= len(visible):
            raise UserError(f"--devices {asked}: there is no GPU {place}: {there}")
    if len({int(place) for place in places}) < len(places):
        raise UserError(f"--devices {asked}: a GPU is listed twice")
    return tuple(visible[int(place)] for place in places)


def one_gpu(device: str, visible: Sequence[str]) -> str:
    """Return which of the visible GPUs `cuda:1` is, as CUDA_VISIBLE_DEVICES names it. Raises UserError for none."""
    place = device.removeprefix("cuda:")
    if not (place.isascii() and place.isdigit()):
        raise UserError(f"there is no device {device!r}: use auto, cpu or cuda")
    if int(place) >= len(visible):
        there = f"{len(visible)} GPU{'' if len(visible) == 1 else 's'}, counted from 0"
        raise UserError(f"--device {device} is not on this machine, which shows {there}")
    return visible[int(place)]


def make_gpu_fleet(
    gpus: Sequence[str],
    *,
    slots: int,
    settings: WorkerSettings,
    threads: int,
    runs: Iterable[RunSpec] = (),
    packing: Packing | None = None,
) -> Executor:
    """Return an executor with `slots` trials at once on each of these GPUs, as CUDA_VISIBLE_DEVICES names them.

    `runs` are examples of what is to come; `packing` says how many of which size fit on a GPU.
    """
    examples = list(runs)

    def member(gpu: str) -> PackedExecutor:
        own = replace(settings, gpu=gpu)
        return PackedExecutor(slots=slots, settings=own, threads=threads, runs=examples, packing=packing)

    return Fleet({f"GPU {gpu}": member(gpu) for gpu in gpus})
