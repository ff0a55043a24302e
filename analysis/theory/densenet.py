"""Size of a dense block: links, channels, parameters and stored feature maps (Huang et al. 2017, arXiv 1608.06993).

A dense block has `layers` layers of one 3x3 convolution, of which each gives `growth` channels and reads those of the
block's input and of every layer before it.
"""

from resnet_lab.errors import UserError

KERNEL = 9
"""Weights of a 3x3 filter on one channel."""


def links(layers: int) -> int:
    """Return L(L+1)/2: the direct connections of L layers, where a chain has L (section 1)."""
    _check(layers=layers)
    return layers * (layers + 1) // 2


def input_channels(layer: int, growth: int, start: int) -> int:
    """Return k0 + k(l-1): the channels that layer l, counted from 1, reads (section 3, `Growth rate`)."""
    _check(layer=layer, growth=growth)
    return start + growth * (layer - 1)


def parameters(layers: int, growth: int, start: int) -> int:
    """Return the weights of all 3x3 convolutions of a block: the sum of 9 k (k0 + k(l-1)) over its layers.

    Where the block starts with k0 = k channels that is 9 k^2 L(L+1)/2.
    """
    _check(layers=layers, growth=growth)
    return sum(KERNEL * growth * input_channels(layer, growth, start) for layer in range(1, layers + 1))


def stored_channels(layers: int, growth: int, start: int, *, shared: bool) -> int:
    """Return the channels of feature maps that training keeps for the backward pass.

    As usually built, each layer keeps the concatenation that it reads: O(L^2). With shared storage (Pleiss et al.
    2017, arXiv 1707.06990) concatenations are made again, and only the block's input and each layer's output are
    kept: O(L).
    """
    _check(layers=layers, growth=growth)
    if shared:
        return start + growth * layers
    return sum(input_channels(layer, growth, start) for layer in range(1, layers + 1))


def _check(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise UserError(f"{name} {value}: a dense block has at least 1")
