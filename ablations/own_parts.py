"""Parts of one's own as modules, each marked with the reference it was built from, and the contract they keep."""

import copy
import inspect
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn

from ablations.references import OwnPartError, resolve

Role = Literal["kind", "shortcut", "norm", "activation"]
MARK = "own_part"
"""Attribute of a module that holds the reference it was built from, without its digest."""


class OwnFunction(nn.Module):
    """A function from tensor to tensor as a module."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def make_own(reference: str, *shape: int) -> nn.Module:
    """Build a part from its reference: `(inputs, outputs, stride)`, `(channels)` of a norm, nothing of an activation.

    Raises OwnPartError where the part cannot be built.
    """
    module = _built(reference, resolve(reference), shape)
    setattr(module, MARK, reference.partition("@")[0])
    return module


def own_name(module: nn.Module) -> str | None:
    """Return the reference a module was built from, without its digest; None of one of ours."""
    name = getattr(module, MARK, None)
    return name if isinstance(name, str) else None


def _built(reference: str, part: Callable[..., Any], shape: tuple[int, ...]) -> nn.Module:
    try:
        made = OwnFunction(part) if not shape and _takes_a_tensor(part) else part(*shape)
    except Exception as error:  # anything may happen in a stranger's code
        raise OwnPartError(f"{reference}{shape} cannot be built: {type(error).__name__}: {error}") from error
    if not isinstance(made, nn.Module):
        raise OwnPartError(f"{reference}{shape} gives a {type(made).__name__}: return a torch.nn.Module")
    return made


def _takes_a_tensor(part: Callable[..., Any]) -> bool:
    """Whether an activation is the function itself, not a class or factory that takes nothing."""
    if isinstance(part, type):
        return False
    try:
        parameters = inspect.signature(part).parameters.values()
    except (TypeError, ValueError):  # a function of torch's, written in C
        return True
    return any(each.default is each.empty and each.kind in (0, 1) for each in parameters)


SHAPES = ((8, 8, 1), (8, 16, 2), (8, 16, 1))
"""Inputs, outputs and stride of the blocks of a network."""
SIDES = (8, 7)


def check_block(part: Callable[..., Any], role: Role = "kind") -> None:
    """Check that a part of one's own keeps the contract of its role, for a test of one's own.

    `kind` and `shortcut` are called with (inputs, outputs, stride), `norm` with (channels), `activation` with nothing
    or a tensor. Shape: [N, inputs, H, W] -> [N, outputs, ceil(H/stride), ceil(W/stride)]. It is finite, leaves its
    input as it was (an activation's may be overwritten), is one function of each image in eval mode, gives every
    parameter a gradient, and keeps its dtype, copies and a state dict. Raises AssertionError that says what it breaks.
    """
    name = f"{part.__module__}:{part.__qualname__}"
    for inputs, outputs, stride in SHAPES:
        if role in ("norm", "activation") and (outputs != inputs or stride != 1):
            continue
        arguments = {"norm": (inputs,), "activation": ()}.get(role, (inputs, outputs, stride))
        for side in SIDES:
            module = _built(name, part, arguments)
            out = -(-side // stride)
            _check(module, f"{name}{arguments}", torch.randn(4, inputs, side, side), (4, outputs, out, out), role)


def _check(module: nn.Module, name: str, x: torch.Tensor, shape: tuple[int, ...], role: Role) -> None:
    before, leaf = x.clone(), x.clone().requires_grad_()
    y = module(leaf if role != "activation" else leaf * 1)
    _require(tuple(y.shape) == shape, f"{name} gives {tuple(y.shape)} of {tuple(x.shape)}: it must give {shape}")
    _require(y.dtype == x.dtype, f"{name} gives {y.dtype} of {x.dtype}: it must keep the type")
    _require(bool(y.isfinite().all()), f"{name} gives numbers that are not finite")
    _require(torch.equal(leaf.detach(), before), f"{name} overwrites its input, which the shortcut still reads")
    y.square().sum().backward()
    for parameter, value in module.named_parameters():
        reached = not value.requires_grad or value.grad is not None
        _require(reached, f"{name}: no gradient reaches {parameter}, so it would never be trained")
    _require(leaf.grad is not None, f"{name}: no gradient reaches its input, so nothing before it would be trained")
    twin = copy.deepcopy(module)
    twin.load_state_dict(module.state_dict())
    module.eval()
    twin.eval()
    with torch.no_grad():
        whole, one = module(x.clone()), module(x[:1].clone())
        _require(torch.equal(twin(x.clone()), whole), f"{name}: a copy with its state dict computes something else")
    alone = torch.allclose(whole[:1], one, rtol=1e-4, atol=1e-5)
    _require(alone, f"{name}: in eval mode an image's result depends on the others of its mini-batch")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


if __name__ == "__main__":
    raise SystemExit("error: ablations.own_parts is no command: use python -m ablations")
