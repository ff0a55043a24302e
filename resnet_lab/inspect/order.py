"""Order of operations, read from the modules that were built; what is not known stands there by its class name."""

from collections import Counter
from functools import cache

from torch import nn

from ablations.attention import SqueezeExcitation
from ablations.block import ResidualBlock
from ablations.choices import Activation, Norm
from ablations.own_parts import own_name
from ablations.parts import Standardised, Subsampled, SubsampledStandardised, make_activation, make_norm
from ablations.scalars import Factor, LayerScale, Shift
from ablations.shortcuts import Scale
from resnet_lab.networks.resnet import ResNet, residual_blocks

LETTERS: dict[str, tuple[str, tuple[type[nn.Module], ...]]] = {
    "c": ("convolution", (nn.Conv2d, Subsampled, Standardised, SubsampledStandardised)),
    "n": ("norm", (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)),
    "a": ("activation", (nn.ReLU,)),
    "s": ("squeeze-and-excitation", (SqueezeExcitation,)),
    "b": ("learned shift", (Shift,)),
    "m": ("learned factor", (Factor,)),
    "v": ("learned factor of each channel", (LayerScale,)),
    "k": ("constant factor", (Scale,)),
    "d": ("dropout", (nn.Dropout,)),
    "l": ("linear", (nn.Linear,)),
}
"""Letter: what it stands for, and the classes it is read from. As in `ablations.layout`, and more.

What the block factory makes of its norms and activations is added to them: see `letter_of`.
"""
NO_OPERATION = frozenset(
    {nn.Identity, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.ZeroPad2d, nn.Flatten, nn.Unflatten}
)
"""Classes that have no letter and are known to be neither norm nor activation nor layer of weights."""
CONTAINERS = frozenset({nn.Sequential, nn.ModuleList})
NETWORKS = ("resnet_lab.networks.", "torchvision.models.")
"""Packages whose own classes, where they have no letter, are read through their children."""


@cache
def letter_of() -> dict[type[nn.Module], str]:
    """Return the letter of each class that has one; a norm or an activation is what the factory makes of its names.

    Exact classes: what a subclass computes is not known. A factory's container is read through its children.
    """
    activations = {type(make_activation(each, inplace=False)) for each in Activation}
    norms = {type(norm) for each in Norm if (norm := make_norm(each, 4)) is not None}
    known = {kind: letter for letter, (_, kinds) in LETTERS.items() for kind in kinds}
    made = {**dict.fromkeys(activations, "a"), **dict.fromkeys(norms, "n")}
    silent = CONTAINERS | NO_OPERATION
    return {**{kind: letter for kind, letter in made.items() if kind not in silent}, **known}


def operations(module: nn.Module) -> tuple[str, ...]:
    """Return the operations of a module in the order they stand: a letter, or the class name of what is not known.

    A residual block is read along its main path. A part of one's own is not known, whatever its class: it stands there
    by its reference.
    """
    kind, own = type(module), own_name(module)
    if own is not None:
        return (own,)
    if kind in letter_of():
        return (letter_of()[kind],)
    if kind in NO_OPERATION:
        return ()
    if isinstance(module, ResidualBlock):
        return _joined(module.before, module.branch, module.after)
    if isinstance(module, ResNet):
        return _joined(module.stem, module.stages, module.head, module.fc)
    if kind in CONTAINERS or kind.__module__.startswith(NETWORKS):
        return _joined(*module.children())
    return (kind.__name__,)


def _joined(*modules: nn.Module) -> tuple[str, ...]:
    return tuple(operation for module in modules for operation in operations(module))


def is_unknown(operation: str) -> bool:
    """Whether an operation is one that has no letter."""
    return operation not in LETTERS


def unknown_parts(network: nn.Module) -> tuple[str, ...]:
    """Return the class names of what is not known on the main path, once each, in the order of their first."""
    return tuple(dict.fromkeys(filter(is_unknown, operations(network))))


def block_order(block: ResidualBlock) -> str:
    """Return a block as `c n a c n | a`: branch, addition, after; what both paths read stands before a `:`."""
    before, branch, after = (" ".join(operations(part)) for part in (block.before, block.branch, block.after))
    return f"{before} : {branch} | {after}".removeprefix(" : ").strip()


def block_orders(network: nn.Module) -> Counter[str]:
    """Return how many blocks there are of each order of operations, in the order of their first."""
    return Counter(block_order(block) for block in residual_blocks(network))


def scalars(network: nn.Module) -> int:
    """Return how many learned shifts and factors a network has, each one number for a whole tensor."""
    return sum(isinstance(module, Shift | Factor) for module in network.modules())


def last_operations(network: nn.Module) -> tuple[str, ...]:
    """Return the operations between the last convolution on the main path and the classifier."""
    if isinstance(network, ResNet):
        last = network.blocks()[-1]
        parts = list(network.stages.children())[-1]
        behind = list(parts.children())
        behind = behind[behind.index(last) + 1 :]  # a convolution of its own before pooling
        found = _joined(last.branch, last.after, *behind, network.head)
    else:
        found = operations(network)
        while found and found[-1] == "l":
            found = found[:-1]
    after = found[max((i + 1 for i, operation in enumerate(found) if operation == "c"), default=0) :]
    return after[: after.index("l")] if "l" in after else after


def tail(network: nn.Module) -> str:
    """Return the last operations as text: `na`, or `n Mish` where a part is not known."""
    found = last_operations(network)
    return (" " if any(map(is_unknown, found)) else "").join(found)
