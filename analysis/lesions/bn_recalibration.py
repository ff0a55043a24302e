"""BatchNorm recalibration (precise BN): running statistics of a lesioned network, estimated again.

A lesion shifts what the later norms read, so part of the damage is no loss of knowledge but stale statistics.
"""

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from analysis.lesions.shared_prefix import Batches, Network
from resnet_lab.engine.norm_statistics import estimate_norms


@torch.no_grad()
def recalibrate(
    network: Network,
    batches: Batches,
    *,
    whole: Sequence[nn.Module] = (),
    recalibrated_whole: Sequence[nn.Module] = (),
    dtype: torch.dtype = torch.float32,
) -> Network:
    """Return a copy whose BatchNorms hold the plain mean of their statistics over the batches of x [N, C, H, W].

    Weights are shared with the network, which stays as it was. With the undamaged network and its own recalibrated
    copy, the modules before the first lesion are taken from the latter: they read the same tensors, so their
    statistics are equal, and `analysis.lesions.shared_prefix` runs them once.
    """
    copies = tuple(_copy(network))
    estimate_norms(copies, (x for x, _ in batches), dtype)
    pairs = enumerate(zip(network, whole, strict=False))
    first = next((position for position, (mine, other) in pairs if mine is not other), min(len(whole), len(network)))
    return (*recalibrated_whole[:first], *copies[first:])


def _copy(network: Iterable[nn.Module]) -> list[nn.Module]:
    """Copy modules and buffers, but no parameters: hundreds of lesioned copies may be alive at once."""
    modules = list(network)
    parameters = {id(parameter): parameter for module in modules for parameter in module.parameters()}
    return copy.deepcopy(modules, parameters)
