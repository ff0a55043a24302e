"""Heads: what follows a network's pooled features, in the place of its last linear layer."""

from math import isqrt, log2

from torch import nn

from resnet_lab.errors import RefusedError
from resnet_lab.spec import Head

DROPOUT = 0.5
LARGEST = 2048  # classes for which the formula of the hidden units holds


def hidden_units(classes: int) -> int:
    """Return 2^(11 - floor(log2(floor(sqrt(2048 / classes))))): 128 for 5 classes, 512 for 37, 2048 for 1000.

    Raises RefusedError for more than 2048 classes.
    """
    if classes > LARGEST:
        raise RefusedError(f"model.head=hidden is for at most {LARGEST} classes, not {classes}: set model.head=linear")
    return 1 << (11 - int(log2(isqrt(LARGEST // classes))))


def with_head(network: nn.Module, head: Head, classes: int) -> nn.Module:
    """Return the network with another head in the place of its last linear layer, which must be for `classes`."""
    if head == Head.LINEAR:
        return network
    name, last = last_linear(network)
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, _head(head, last.in_features, classes))
    return network


def last_linear(network: nn.Module) -> tuple[str, nn.Linear]:
    """Return the linear layer that a network ends with, and its name."""
    return [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]


def head_of(network: nn.Module, head: Head) -> tuple[str, nn.Module]:
    """Return a built network's head and its name. Raises RefusedError where it has none."""
    if head == Head.NONE:
        raise RefusedError("model.head=none gives features, not classes: set model.head=linear or hidden to train it")
    name, last = last_linear(network)
    if head == Head.LINEAR:
        return name, last
    name = name.rpartition(".")[0]
    return name, network.get_submodule(name)


def _head(head: Head, features: int, classes: int) -> nn.Module:
    if head == Head.NONE:
        return nn.Identity()
    hidden = hidden_units(classes)
    return nn.Sequential(
        nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Dropout(DROPOUT), nn.Linear(hidden, classes)
    )
