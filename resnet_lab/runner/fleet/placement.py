"""Placement: where the trials of a launch run, as its options say: this machine, its GPUs, or a cluster's nodes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from resnet_lab.errors import UserError
from resnet_lab.runner.executor import Executor
from resnet_lab.runner.fleet.gpus import VISIBLE, choose_gpus, list_slices, make_gpu_fleet, one_gpu, visible_gpus
from resnet_lab.runner.packed_executor import make_executor
from resnet_lab.runner.resources import Options, require_precision, resources
from resnet_lab.spec import RunSpec
from resnet_lab.system.environment import cores

if TYPE_CHECKING:
    from resnet_lab.runner.fleet.cluster import Cluster


class FleetOptions(Options, Protocol):
    """The options that say where trials run."""

    @property
    def devices(self) -> str | None: ...
    @property
    def cluster(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where trials run, and how many at once."""

    device: str
    """`cpu` or `cuda`, wherever that is."""
    jobs: int
    """Trials at once on this machine; what else it does in parallel goes by it, too."""
    slots: int
    """Trials at once in all, as far as it is known before they start."""
    make_executor: Callable[..., Executor] = make_executor
    """Returns what runs the trials: see `resnet_lab.runner.packed_executor.make_executor`."""
    text: str = ""
    """What is more than one machine's processor or GPU: `4 nodes`; else empty."""


def place(options: FleetOptions, cells: Sequence[RunSpec]) -> Placement:
    """Return where trials run. Raises UserError for GPUs or a cluster that are not there."""
    if options.cluster is not None:
        from resnet_lab.runner.fleet.ray_cluster import RayCluster

        if options.devices is not None:
            raise UserError("--devices lists GPUs of this machine, --cluster takes those of its nodes: give one")
        placed = on_cluster(RayCluster.connect(options.cluster), options)
        require_precision(placed.device, cells)
        return placed
    gpus = _chosen_gpus(options)
    device, jobs, packing = resources(options, cells, _device_within(options.device, gpus))
    if len(gpus) < 2 or device == "cpu":
        return Placement(device=device, jobs=jobs, slots=jobs, make_executor=partial(make_executor, packing=packing))
    make = partial(make_gpu_fleet, gpus, packing=packing)
    return Placement(device=device, jobs=jobs, slots=jobs * len(gpus), make_executor=make, text=f"{len(gpus)} GPUs")


def on_cluster(cluster: "Cluster", options: FleetOptions) -> Placement:
    """Return the placement on a cluster's nodes: on their GPUs, where `--device auto` finds any.

    Raises UserError where no node has what is asked for.
    """
    from resnet_lab.runner.fleet.cluster_executor import ClusterExecutor

    nodes = cluster.nodes()
    gpus = sum(node.gpus for node in nodes)
    device = options.device if options.device != "auto" else ("cuda" if gpus else "cpu")
    if device not in ("cpu", "cuda") or (device == "cuda" and not gpus):
        raise UserError(f"--device {device}: the cluster's {len(nodes)} nodes have no such device: use auto or cpu")
    each = 1 if options.jobs == "auto" else options.jobs
    cpu_slots = sum(node.cpus for node in nodes) if options.jobs == "auto" else each * sum(n.cpus > 0 for n in nodes)
    slots = each * gpus if device == "cuda" else cpu_slots
    named = f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}" + (f" with {gpus} GPUs" if device == "cuda" else "")

    def make(*, slots: int, **arguments: Any) -> Executor:  # noqa: ARG001  # each node has its own number
        return ClusterExecutor(cluster, jobs=options.jobs, **arguments)

    return Placement(device=device, jobs=cores(), slots=max(1, slots), make_executor=make, text=named)


def place_alone(options: Options, spec: RunSpec) -> str:
    """Return the device, by name, that one run trains on: of several GPUs one. Raises UserError for none."""
    gpus = () if options.device == "cpu" else _narrowed(options.device, None)
    return resources(options, [spec], _device_within(options.device, gpus)).device


def _chosen_gpus(options: FleetOptions) -> tuple[str, ...]:
    """Return the GPUs to use, and have this process and its workers see no others."""
    if options.devices is not None and options.device.startswith("cuda:"):
        raise UserError(f"--devices lists GPUs, and --device {options.device} is one: give one of the two")
    gpus = () if options.device == "cpu" else _narrowed(options.device, options.devices)
    if options.devices is not None and not gpus:
        raise UserError(f"--devices {options.devices} lists GPUs, and none is used: leave it out")
    return gpus


def _narrowed(device: str, devices: str | None) -> tuple[str, ...]:
    """Return the GPUs that the options name, all that are visible where they name none, and hide the others."""
    from resnet_lab.runner.resources import may_have_gpu

    if not may_have_gpu():
        return ()
    import torch

    visible = visible_gpus(torch.cuda.device_count(), list_slices())
    gpus = (one_gpu(device, visible),) if device.startswith("cuda:") else choose_gpus(devices, visible)
    if devices is not None or device.startswith("cuda:"):
        os.environ[VISIBLE] = ",".join(gpus)
    return gpus


def _device_within(device: str, gpus: Sequence[str]) -> str:
    """Return the device as processes name it that see only these GPUs."""
    return "cuda" if gpus and device.startswith("cuda:") else device
