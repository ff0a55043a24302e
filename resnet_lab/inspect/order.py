"""Order of operations, read from the modules that were built."""

from collections import Counter

from torch import nn

from ablations.attention import SqueezeExcitation
from ablations.block import ResidualBlock
from ablations.scalars import Factor, Shift
from ablations.shortcuts import Scale
from resnet_lab.networks.resnet import ResNet, residual_blocks

LETTERS: dict[str, tuple[str, tuple[type[nn.Module], ...]]] = {
    "c": ("convolution", (nn.Conv2d,)),
    "n": ("norm", (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)),
    "a": ("activation", (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU)),
    "s": ("squeeze-and-excitation", (SqueezeExcitation,)),
    "b": ("learned shift", (Shift,)),
    "m": ("learned factor", (Factor,)),
    "k": ("constant factor", (Scale,)),
    "d": ("dropout", (nn.Dropout,)),
    "l": ("linear", (nn.Linear,)),
}
"""Letter: what it stands for, and the modules it is read from. As in `ablations.layout`, and more."""


def letters(module: nn.Module) -> str:
    """Return the operations of a module in the order they stand; what has no letter is left out."""
    for letter, (_, kinds) in LETTERS.items():
        if isinstance(module, kinds):
            return letter
    return "".join(map(letters, module.children()))


def block_order(block: ResidualBlock) -> str:
    """Return a block as `c n a c n | a`: branch, addition, after; what both paths read stands before a `:`."""
    before, branch, after = (" ".join(letters(part)) for part in (block.before, block.branch, block.after))
    return f"{before} : {branch} | {after}".removeprefix(" : ").strip()


def block_orders(network: nn.Module) -> Counter[str]:
    """Return how many blocks there are of each order of operations, in the order of their first."""
    return Counter(block_order(block) for block in residual_blocks(network))


def scalars(network: nn.Module) -> int:
    """Return how many learned shifts and factors a network has, each one number for a whole tensor."""
    return sum(isinstance(module, Shift | Factor) for module in network.modules())


def tail(network: nn.Module) -> str:
    """Return the operations between the last convolution on the main path and the classifier."""
    if isinstance(network, ResNet):
        last = network.blocks()[-1]
        operations = "".join(map(letters, (last.branch, last.after, network.head)))
    else:
        operations = letters(network).rstrip("l")
    return operations.rpartition("c")[2].partition("l")[0]
