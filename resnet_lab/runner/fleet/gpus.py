"""GPUs of this machine that a launch uses: all that are visible, or those that are asked for."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

from resnet_lab.errors import UserError
from resnet_lab.runner.executor import Executor
from resnet_lab.runner.fleet.fleet import Fleet
from resnet_lab.runner.packed_executor import PackedExecutor
from resnet_lab.spec import RunSpec
from resnet_lab.trials.worker_settings import WorkerSettings

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus(count: int) -> tuple[str, ...]:
    """Return the visible GPUs as CUDA_VISIBLE_DEVICES names them; `count` is how many torch sees."""
    listed = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return tuple(listed[:count]) if len(listed) >= count else tuple(map(str, range(count)))


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


def make_gpu_fleet(
    gpus: Sequence[str], *, slots: int, settings: WorkerSettings, threads: int, runs: Iterable[RunSpec] = ()
) -> Executor:
    """Return an executor with `slots` trials at once on each of these GPUs, as CUDA_VISIBLE_DEVICES names them.

    `runs` are examples of what is to come.
    """
    examples = list(runs)

    def member(gpu: str) -> PackedExecutor:
        return PackedExecutor(slots=slots, settings=replace(settings, gpu=gpu), threads=threads, runs=examples)

    return Fleet({f"GPU {gpu}": member(gpu) for gpu in gpus})
