"""Optimisers by name."""

from collections.abc import Iterable, Iterator
from typing import Any, assert_never

import torch
from torch import Tensor, nn

from ablations.choices import BranchInit
from resnet_lab.engine.optimizers.adagrad import CapturableAdagrad
from resnet_lab.engine.optimizers.caffe_sgd import CaffeSGD
from resnet_lab.engine.optimizers.muon import Muon
from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.spec import MomentumKind, Optimizer, RecipeSpec

RATE_FACTOR = "rate_factor"
"""Key of a parameter group whose rate is the recipe's times this."""
FIXUP_FACTOR = 0.1
"""The Fixup authors' code, cifar/cifar_train.py of hongyi-zhang/Fixup: a tenth of the rate for biases and scales."""
Group = dict[str, Any]


def parameter_groups(model: nn.Module) -> list[nn.Parameter] | list[Group]:
    """Return the parameters that are trained; where branch_init=fixup_authors, weights, then all scalars and biases."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if all(block.spec.branch_init != BranchInit.FIXUP_AUTHORS for block in residual_blocks(model)):
        return parameters
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    rest = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups: list[Group] = [{"params": weights}, {"params": rest, RATE_FACTOR: FIXUP_FACTOR}]
    return groups


def set_rate(optimizer: torch.optim.Optimizer, rate: float | Tensor) -> None:
    """Set the rate of every group: a number, or in place from [] where the groups hold tensors."""
    for group in optimizer.param_groups:
        if isinstance(rate, float):
            group["lr"] = rate * group.get(RATE_FACTOR, 1)
        elif group["lr"] is not rate:
            torch.mul(rate, group[RATE_FACTOR], out=group["lr"])


def make_optimizer(
    recipe: RecipeSpec, parameters: Iterable[nn.Parameter] | Iterable[Group], rate: Tensor | None = None
) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over parameters or groups of them; `set_rate` gives it the rate of each step.

    With `rate` [] the optimiser reads the rate from there at every step, and on a GPU its steps can be captured.
    Raises UserError for muon where torch has none.
    """
    params: Any = [_with_own_rate(each, rate) if isinstance(each, dict) else each for each in parameters]
    lr, momentum, decay = recipe.lr if rate is None else rate, recipe.momentum, recipe.weight_decay
    # Asked for on a GPU alone: on a CPU torch refuses it. torch's fused SGD has no such flag and needs none.
    capturable = rate is not None and rate.is_cuda
    # Adam's beta 2 and every epsilon stay at torch's defaults, which are those of the papers.
    match recipe.optimizer:
        case Optimizer.SGD | Optimizer.NESTEROV:
            nesterov = recipe.optimizer == Optimizer.NESTEROV
            if recipe.momentum_kind == MomentumKind.CAFFE:
                return CaffeSGD(params, lr, momentum=momentum, weight_decay=decay, nesterov=nesterov)
            return torch.optim.SGD(params, lr, momentum=momentum, weight_decay=decay, nesterov=nesterov, fused=True)
        case Optimizer.ADAM:
            return torch.optim.Adam(
                params, lr, betas=(momentum, 0.999), weight_decay=decay, fused=True, capturable=capturable
            )
        case Optimizer.ADAMW:
            return torch.optim.AdamW(
                params, lr, betas=(momentum, 0.999), weight_decay=decay, fused=True, capturable=capturable
            )
        case Optimizer.RMSPROP:
            return torch.optim.RMSprop(
                params, lr, momentum=momentum, weight_decay=decay, foreach=True, capturable=capturable
            )
        case Optimizer.ADAGRAD:
            if rate is not None:
                return CapturableAdagrad(params, lr, weight_decay=decay)
            return torch.optim.Adagrad(params, lr, weight_decay=decay, foreach=True)
        case Optimizer.ADADELTA:
            return torch.optim.Adadelta(params, lr, weight_decay=decay, foreach=True, capturable=capturable)
        case Optimizer.MUON:
            return Muon(params, lr=recipe.lr, momentum=momentum, weight_decay=decay, rate=rate)
    assert_never(recipe.optimizer)


def state_tensors(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    """Yield every tensor of an optimiser's state."""
    parts = optimizer.parts.values() if isinstance(optimizer, Muon) else [optimizer]
    for part in parts:
        for state in part.state.values():
            yield from (value for value in state.values() if isinstance(value, Tensor))


def _with_own_rate(group: Group, rate: Tensor | None) -> Group:
    """Give a group of another rate than the recipe's a tensor of its own to hold it."""
    return {**group, "lr": rate.clone()} if rate is not None and RATE_FACTOR in group else group


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a `state_dict()`, keeping this optimiser's own settings: the state may come from another device."""
    if isinstance(optimizer, Muon):  # two optimisers in one
        for name, part in optimizer.parts.items():
            restore_optimizer(part, state[name])
        return
    own = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    groups = [{**theirs, **mine} for theirs, mine in zip(state["param_groups"], own, strict=True)]
    optimizer.load_state_dict({**state, "param_groups": groups})
    for group, mine in zip(optimizer.param_groups, own, strict=True):
        group.update(mine)  # the very tensor of the rate, where torch made a copy of it
