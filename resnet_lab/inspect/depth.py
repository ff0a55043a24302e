"""Depth as the papers count it, from the layers that were built."""

from torch import nn

from ablations.attention import SqueezeExcitation
from ablations.own_parts import own_name
from resnet_lab.inspect.order import unknown_parts
from resnet_lab.spec import ModelName

OFF_MAIN_PATH = frozenset({"shortcut", "gate", "downsample"})
"""Names of modules off the main path: He et al. 2015 count neither projections nor what gates them."""


def main_path_layers(module: nn.Module) -> int:
    """Return the weighted layers (convolutions and linear) from input to output, as He et al. 2015 count them."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        return 1
    if isinstance(module, SqueezeExcitation):
        return 0
    return sum(main_path_layers(child) for name, child in module.named_children() if name not in OFF_MAIN_PATH)


def has_unknown_weights(network: nn.Module) -> bool:
    """Whether a part that nothing here knows holds a matrix or a filter, which may be a layer to be counted."""
    return any(
        parameter.ndim > 1
        for module in network.modules()
        if unknown_parts(module) == (own_name(module) or type(module).__name__,)
        for parameter in module.parameters()
    )


def depth(network: nn.Module, name: ModelName) -> int:
    """Return the depth in the count of the family's own paper.

    Wide ResNets count the projections of their three stages and not the linear layer (Zagoruyko and Komodakis 2016,
    section 2): WRN-28-10 has 26 weighted layers on its main path.
    """
    return main_path_layers(network) + (2 if name == ModelName.WIDE_RESNET else 0)
