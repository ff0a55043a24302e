"""Layers of networks without shortcuts: deleting one leaves no other path (Veit et al. 2016, arXiv 1605.06431)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from ablations.block import ResidualBlock
from analysis.inputs.chain import PoolAndClassify, out_of_place_copy
from analysis.lesions.shared_prefix import Network
from resnet_lab.errors import UserError


@dataclass(frozen=True, slots=True)
class Layers:
    """`items` run one after the other; those at `layers` are a convolution with its norm and activation.

    `deletable` are the numbers (0-based among the layers) of those that keep their input's shape.
    """

    items: Network
    layers: tuple[int, ...]
    deletable: tuple[int, ...]

    def without(self, layer: int) -> Network:
        """Return the modules with one layer replaced by nothing."""
        items = list(self.items)
        items[self.layers[layer]] = nn.Identity()
        return tuple(items)


def decompose_layers(model: nn.Module) -> Layers:
    """Return the layers of a VGG or of a plain network of this project; the model is left alone.

    Raises UserError for any other network.
    """
    items = _grouped(_leaves(out_of_place_copy(model)))
    convs = {position: conv for position, item in enumerate(items) if (conv := _convolution(item)) is not None}
    layers = tuple(convs)
    deletable = tuple(number for number, position in enumerate(layers) if _keeps_shape(convs[position]))
    return Layers(tuple(items), layers, deletable)


def _leaves(model: nn.Module) -> list[nn.Module]:
    """Return the modules of the forward pass, as fine as Sequentials and plain blocks can be divided."""
    parts = dict(model.named_children())
    if isinstance(parts.get("features"), nn.Sequential) and "classifier" in parts:
        if "avgpool" in parts:  # torchvision's VGG
            return [*_flatten(parts["features"]), parts["avgpool"], nn.Flatten(1), parts["classifier"]]
        return [*_flatten(parts["features"]), PoolAndClassify(parts["classifier"])]
    if parts.keys() == {"stem", "stages", "head", "fc"} and not _has_shortcuts(model):
        body = (leaf for name in ("stem", "stages", "head") for leaf in _flatten(parts[name]))
        return [*body, PoolAndClassify(parts["fc"])]
    raise UserError(
        f"{type(model).__name__} is no plain network whose layers can be deleted: give a VGG or a network with "
        "shortcut=none, or --experiment single for the blocks of a residual one"
    )


def _has_shortcuts(model: nn.Module) -> bool:
    return any(isinstance(m, ResidualBlock) and m.shortcut is not None for m in model.modules())


def _flatten(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, ResidualBlock):
        yield from (leaf for part in (module.before, module.branch, module.after) for leaf in _flatten(part))
    elif isinstance(module, nn.Sequential):
        yield from (leaf for child in module for leaf in _flatten(child))
    elif not isinstance(module, nn.Identity):
        yield module


def _grouped(leaves: Sequence[nn.Module]) -> list[nn.Module]:
    """Join what follows a convolution to it, up to the next convolution or pooling."""
    groups: list[list[nn.Module]] = []
    for leaf in leaves:
        joins = isinstance(leaf, nn.BatchNorm2d | nn.GroupNorm | nn.ReLU | nn.LeakyReLU | nn.PReLU | nn.GELU | nn.SiLU)
        if joins and groups:
            groups[-1].append(leaf)
        else:
            groups.append([leaf])
    return [nn.Sequential(*group) for group in groups]


def _convolution(item: nn.Module) -> nn.Conv2d | None:
    first = next(item.children(), None)
    return first if isinstance(first, nn.Conv2d) else None


def _keeps_shape(conv: nn.Conv2d) -> bool:
    return conv.in_channels == conv.out_channels and set(conv.stride) == {1}
