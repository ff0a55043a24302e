"""A trained network as a chain: what comes before the blocks, the blocks, what comes after.

Lesions and paths need to enter a network at any block, so every kind of network is decomposed here.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from resnet_lab.errors import UserError


@runtime_checkable
class Residual(Protocol):
    """A block that computes `after(skip(h) + residual(h))` with `h = before(x)`."""

    def before(self, x: Tensor, /) -> Tensor: ...
    def skip(self, x: Tensor, /) -> Tensor: ...
    def residual(self, x: Tensor, /) -> Tensor: ...
    def after(self, x: Tensor, /) -> Tensor: ...


class TorchvisionBlock(nn.Module):
    """A BasicBlock or Bottleneck of torchvision or timm, behind the interface of our blocks.

    It holds the block's own modules and runs them in the block's own order: conv-norm-act up to the last norm (then
    timm's attention and stochastic depth), and the last activation after the addition.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.last = 3 if hasattr(block, "conv3") else 2

    def before(self, x: Tensor) -> Tensor:
        return x

    def skip(self, x: Tensor) -> Tensor:
        shortcut = getattr(self.block, "downsample", None)
        return x if shortcut is None else cast(Tensor, shortcut(x))

    def residual(self, x: Tensor) -> Tensor:
        block = self.block
        for index in range(1, self.last + 1):
            x = getattr(block, f"bn{index}")(getattr(block, f"conv{index}")(x))
            if index < self.last:
                x = self._activation(index)(x)
            if index == self.last - 1 and getattr(block, "aa", None) is not None:
                x = block.aa(x)  # type: ignore[operator]  # timm's anti-aliasing, a module
        for name in ("se", "drop_path"):
            extra = getattr(block, name, None)
            x = x if extra is None else extra(x)
        return x

    def after(self, x: Tensor) -> Tensor:
        return cast(Tensor, self._activation(self.last)(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.skip(x) + self.residual(x))

    def _activation(self, index: int) -> nn.Module:
        """torchvision has one `relu` for all places, timm an `act` for each."""
        activation: nn.Module = getattr(self.block, "relu", None) or getattr(self.block, f"act{index}")
        return activation


@dataclass(frozen=True, slots=True)
class Chain:
    """`items` run one after the other; those at `blocks` are residual. Deep-copied, in eval mode, nothing in place."""

    items: tuple[nn.Module, ...]
    blocks: tuple[int, ...]
    image: tuple[int, ...] = ()
    """[C, H, W] of an image that the network takes, where it is known."""

    def __len__(self) -> int:
        return len(self.blocks)

    def block(self, index: int) -> Residual:
        """Return residual block `index` (0-based). Raises UserError where there is none."""
        if not 0 <= index < len(self.blocks):
            raise UserError(f"there is no block {index}: this network has {len(self)}, numbered from 0")
        block = self.items[self.blocks[index]]
        assert isinstance(block, Residual)
        return block

    def run(self, x: Tensor, start: int = 0) -> Tensor:
        """Return the output of the items from position `start` on."""
        for item in self.items[start:]:
            x = item(x)
        return x

    def downsamples(self) -> tuple[bool, ...]:
        """Return, for each block, whether it changes its input's shape; found by running a small image."""
        return tuple(before != after for before, after in self.shapes())

    def shapes(self) -> list[tuple[torch.Size, torch.Size]]:
        """Return the [C, H, W] that each block reads and writes, for `image`, or a 32x32 one."""
        parameter = next(parameter for item in self.items for parameter in item.parameters())
        x = torch.zeros(2, *(self.image or self._small()), device=parameter.device, dtype=parameter.dtype)
        shapes = []
        with torch.no_grad():
            for position, item in enumerate(self.items):
                if position > self.blocks[-1]:
                    break
                y = item(x)
                if position in self.blocks:
                    shapes.append((x.shape[1:], y.shape[1:]))
                x = y
        return shapes

    def _small(self) -> tuple[int, ...]:
        convolution = next(m for m in self.items[0].modules() if isinstance(m, nn.Conv2d))
        return convolution.in_channels, 32, 32


def out_of_place_copy(model: nn.Module) -> nn.Module:
    """Return a deep copy in eval mode, none of whose activations overwrites its input."""
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]  # nn.Module's attributes are Tensor | Module to mypy
    return model


def decompose(model: nn.Module) -> Chain:
    """Return the chain of a network of this project, or of a torchvision or timm ResNet; the model is left alone.

    Raises UserError for a network without residual blocks, or one whose parts are not in a row.
    """
    model = out_of_place_copy(model)
    items = _parts(model)
    items = [TorchvisionBlock(item) if _is_foreign(item) else item for item in items]
    blocks = [position for position, item in enumerate(items) if _is_residual(item)]
    if not blocks:
        raise UserError(
            f"{type(model).__name__} has no residual blocks that can be found: give a ResNet of this project, of "
            "torchvision or of timm, or from Python the names of its blocks: blocks=[...], branch=..."
        )
    return Chain(tuple(items), tuple(blocks))


def is_residual(model: nn.Module) -> bool:
    """Return whether residual blocks can be found in a network."""
    try:
        decompose(model)
    except UserError:
        return False
    return True


def _is_residual(module: nn.Module) -> bool:
    return isinstance(module, Residual) and getattr(module, "shortcut", module) is not None


def _is_foreign(module: nn.Module) -> bool:
    return type(module).__name__ in ("BasicBlock", "Bottleneck") and hasattr(module, "bn2") and hasattr(module, "conv2")


class PoolAndClassify(nn.Module):
    """Global average pooling and the classifier. [N, C, H, W] -> [N, classes]."""

    def __init__(self, fc: nn.Module) -> None:
        super().__init__()
        self.fc = fc

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]  # nn.Module calls are untyped


_STEMS = (("stem",), ("conv1", "bn1", "relu", "maxpool"), ("conv1", "bn1", "act1", "maxpool"))
_BODIES = (("stages",), ("layer1", "layer2", "layer3", "layer4"))


def _parts(model: nn.Module) -> list[nn.Module]:
    """Return the modules of the forward pass in their order, blocks one by one."""
    names = dict(model.named_children())
    stem = next((stem for stem in _STEMS if all(name in names for name in stem)), ())
    body = next((body for body in _BODIES if names.keys() >= set(body[:1])), ())
    if not stem or not body or "fc" not in names:
        return []
    parts: list[nn.Module] = [nn.Sequential(*(names[name] for name in stem))]
    for name in body:
        parts += _flatten(names[name]) if name in names else []
    head = [names["head"]] if "head" in names else []
    return [*parts, nn.Sequential(*head, PoolAndClassify(names["fc"]))]


def _flatten(module: nn.Module) -> Sequence[nn.Module]:
    """Return the leaves of nested Sequentials, down to blocks and the modules between stages."""
    if not isinstance(module, nn.Sequential):
        return [module]
    if not any(_is_residual(inner) or _is_foreign(inner) for inner in module.modules()):
        return [module]
    return [leaf for child in module.children() for leaf in _flatten(child)]
