"""A residual network whose norms, activations and additions run in the fused kernels while it trains."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ablations.block import ResidualBlock
from ablations.choices import Shortcut
from resnet_lab.fused.function import ACTIVATIONS, Add, norm_act_add
from resnet_lab.networks.resnet import ResNet

DTYPES = (torch.float32, torch.bfloat16)


class FusedNetwork(nn.Module):
    """[N, C, H, W] images -> [N, classes] logits, as `model` computes them, to rounding; its parameters are `model`'s.

    What a layout puts side by side is one operation: a norm and an activation, and the addition of a block before or
    after them. Anything else is computed by the modules themselves, and so is all of it at test.

    The addition of a pre-activation block stays torch's: the norm behind it is the next block's, and the sum itself is
    that block's shortcut, so that it has to be written in any case. Fused across the two blocks it would save one read
    and one launch of the forward pass, and no backward one: the sum's two uses have their gradients added either way.
    """

    def __init__(self, model: ResNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        model = self.model
        if not self.training:
            return model(x)  # type: ignore[no-any-return]  # nn.Module calls are untyped
        x = _run(list(model.stem.children()), x)
        for stage in model.stages:
            for module in stage.children():
                x = _block(module, x) if isinstance(module, ResidualBlock) else _run(list(module.children()), x)
        x = _run(list(model.head.children()), x)
        return model.fc(x.mean((2, 3)))  # type: ignore[no-any-return]  # nn.Module calls are untyped


def is_fusible(module: nn.Module | None) -> bool:
    """Whether a module is a norm that the kernels compute: of the batch, affine, with running statistics that move."""
    return (
        type(module) is nn.BatchNorm2d
        and module.training
        and module.affine
        and module.running_mean is not None
        and module.momentum is not None
    )


def _block(block: ResidualBlock, x: Tensor) -> Tensor:
    """Return what a block does: see `ablations.block.ResidualBlock.forward`."""
    x = _run(list(block.before.children()), x)
    branch, after = list(block.branch.children()), list(block.after.children())
    if block.shortcut is None:
        return _run([*branch, *after], x)
    if block.decision is not None:
        return _run(after, block.decision * _residual(block, x) + _skip(block, x))
    if not block.active or (block.drop_path and torch.rand(()) < block.drop_path):
        return _run(after, _skip(block, x))
    if block.gate is not None:
        return _run(after, _residual(block, x) + _skip(block, x))
    return _join(block, branch, after, x)


def _residual(block: ResidualBlock, x: Tensor) -> Tensor:
    y = _run(list(block.branch.children()), x)
    if block.gate is not None and block.spec.shortcut == Shortcut.EXCLUSIVE_GATING:
        return block.gate(x) * y  # type: ignore[no-any-return]  # nn.Module calls are untyped
    return y


def _skip(block: ResidualBlock, x: Tensor) -> Tensor:
    shortcut = block.shortcut
    if block.gate is None and type(shortcut) is nn.Sequential:
        return _run(list(shortcut.children()), x)
    return block.skip(x)


def _join(block: ResidualBlock, branch: Sequence[nn.Module], after: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Return after(branch(x) + skip(x)), the addition fused with the norm that stands before or behind it."""
    body, norm, activation = _ending(branch)
    y, skip = _run(body, x), _skip(block, x)
    if norm is not None and _are_alike(y, skip):
        if activation is None and after and _is_activation(after[0]):
            return _run(after[1:], norm_act_add(y, norm, after[0], skip, Add.BEFORE))
        return _run(after, norm_act_add(y, norm, activation, skip, Add.AFTER))
    y = _run(branch[len(body) :], y)
    if after and is_fusible(after[0]) and _are_alike(y, skip):
        norm, activation, rest = _leading(after)
        return _run(rest, norm_act_add(y, norm, activation, skip, Add.FIRST))
    return _run(after, y + skip)


def _ending(branch: Sequence[nn.Module]) -> tuple[Sequence[nn.Module], nn.BatchNorm2d | None, nn.Module | None]:
    """Return the norm, and the activation behind it, that a branch ends with, and what stands before them."""
    if branch and is_fusible(branch[-1]):
        return branch[:-1], branch[-1], None  # type: ignore[return-value]  # is_fusible says what it is
    if len(branch) > 1 and is_fusible(branch[-2]) and _is_activation(branch[-1]):
        return branch[:-2], branch[-2], branch[-1]  # type: ignore[return-value]  # as above
    return branch, None, None


def _leading(modules: Sequence[nn.Module]) -> tuple[nn.BatchNorm2d, nn.Module | None, Sequence[nn.Module]]:
    """Return the norm that modules begin with, the activation behind it, and the rest."""
    activation = modules[1] if len(modules) > 1 and _is_activation(modules[1]) else None
    return modules[0], activation, modules[2 if activation else 1 :]  # type: ignore[return-value]  # a norm, as asked


def _run(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Return what the modules do one after the other, each norm with the activation behind it."""
    while modules:
        if is_fusible(modules[0]) and x.dtype in DTYPES:
            norm, activation, modules = _leading(modules)
            x = norm_act_add(x, norm, activation)
        else:
            x, modules = modules[0](x), modules[1:]
    return x


def _is_activation(module: nn.Module) -> bool:
    return type(module) in ACTIVATIONS and getattr(module, "approximate", "none") == "none"


def _are_alike(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.dtype in DTYPES and one.shape == other.shape
