"""Packing: how many trials of each size pay off at once on a GPU, measured under a run's conditions and remembered.

A trial of a size that pays off `n` at once takes a share of 1/n of the GPU; trials run together while their shares fit.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from resnet_lab.spec import RunSpec
from resnet_lab.system import cache
from resnet_lab.trials.worker_settings import GAIN, WorkerSettings

FOLDER = "packing"  # of the cache
SLACK = 1e-9  # three thirds are a whole

Rates = Mapping[int, float]
"""Images/s over all trials by how many there are at once; empty where nothing could be measured."""


class Size(NamedTuple):
    """What decides, on one GPU, how many trials pay off at once. Arms of one size differ in less."""

    network: str
    kind: str
    depth: int
    width: int
    batch: int
    precision: str
    pixels: int
    """Side of the images; 0 is the set's own."""
    images: str
    """The set, and of one's own images their digest: which has the number of channels and classes."""

    def __str__(self) -> str:
        """Return `cifar_resnet of depth 20 and width 16, batch 128, auto`."""
        return f"{self.network} of depth {self.depth} and width {self.width}, batch {self.batch}, {self.precision}"


def size_of(spec: RunSpec) -> Size:
    """Return the size of a run."""
    return Size(
        network=spec.model.name.value,
        kind=spec.model.block.kind.value,
        depth=spec.model.depth,
        width=spec.model.width,
        batch=spec.recipe.batch_size,
        precision=spec.recipe.precision.value,
        pixels=spec.data.size,
        images=f"{spec.data.name.value} {spec.data.contents}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How many trials at once pay off, by size; at least one size."""

    counts: Mapping[Size, int]

    @property
    def slots(self) -> int:
        """As many trials as ever run at once: those of the smallest size."""
        return max(self.counts.values())

    @property
    def least(self) -> int:
        """As many as are right for every size."""
        return min(self.counts.values())

    def share(self, spec: RunSpec) -> float:
        """Return the share of the GPU that a run takes; of a size that was not measured, the largest of those."""
        return 1 / self.counts.get(size_of(spec), self.least)


def best_count(rates: Rates) -> int:
    """Return the fewest trials at once whose images/s are the highest, or near it.

    One where nothing was measured: not even one had the memory for it.
    """
    if not rates:
        return 1
    return min(count for count, rate in rates.items() if GAIN * rate >= max(rates.values()))


def find_packing(cells: Sequence[RunSpec], settings: WorkerSettings) -> Packing:
    """Return the packing of runs on the settings' GPU, measured where it is not remembered, and print it."""
    from resnet_lab.runner.executor import start_server
    from resnet_lab.system.forked_call import submit
    from resnet_lab.trials import preload

    examples = {size_of(cell): cell for cell in reversed(cells)}
    # The server that will fork the workers: it is started once. This process must not use the GPU itself.
    start_server(0, preload.environment(cells, settings))
    try:
        found = submit(measured_rates, list(examples.values()), settings).result()
    except RuntimeError:  # its traceback is printed above
        found = [{} for _ in examples]
    counts = {size: best_count(rates) for size, rates in zip(examples, found, strict=True)}
    for size, rates in zip(examples, found, strict=True):
        print(f"--jobs auto: {_words(counts[size], size, rates)}", file=sys.stderr)
    return Packing(counts=counts)


def _words(best: int, size: Size, rates: Rates) -> str:
    if not rates:
        return f"nothing could be measured with {size}, so such trials run one at a time"
    measured = ", ".join(f"{count}: {rate:,.0f}" for count, rate in rates.items())
    return f"{best} trials at once of {size} (images/s by trials at once: {measured})"


def measured_rates(runs: Sequence[RunSpec], settings: WorkerSettings) -> list[Rates]:
    """Return the rates of each run on the settings' GPU; those that are remembered are not measured again.

    For a process of its own, which uses the GPU as a worker with these settings does.
    """
    from resnet_lab.engine.precision import be_deterministic

    if settings.deterministic:
        be_deterministic()
    return [_remembered(run, settings) for run in runs]


def _remembered(run: RunSpec, settings: WorkerSettings) -> Rates:
    from resnet_lab.trials.throughput import concurrent_throughput

    key = _key(run, settings)
    kept = cache.read(FOLDER, key)
    if kept is not None:
        return {int(count): float(rate) for count, rate in json.loads(kept).items()}
    try:
        rates = concurrent_throughput(run, settings.device, compiled=settings.compiled, kernels=settings.kernels)
    except Exception as error:  # of another size it may be possible
        print(f"--jobs auto: {type(error).__name__}: {error}", file=sys.stderr)
        return {}
    if rates:
        cache.keep(FOLDER, key, json.dumps(rates).encode())
    return rates


def _key(run: RunSpec, settings: WorkerSettings) -> str:
    """Return what the rates depend on, as the name of a file: GPU, network, batch, precision, kernels, and the code."""
    import torch

    import resnet_lab.engine
    import resnet_lab.fused

    gpu = torch.cuda.get_device_properties(settings.device)
    code = cache.digest_of(Path(module.__file__ or "").parent for module in (resnet_lab.engine, resnet_lab.fused))
    parts = (*size_of(run), gpu.name, gpu.total_memory, torch.__version__, code)
    conditions = (settings.kernels.value, settings.compiled, settings.deterministic)
    return hashlib.sha256(repr((*parts, *conditions)).encode()).hexdigest() + ".json"
