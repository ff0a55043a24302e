"""Muon for convolutional networks: torch's takes matrices only, and a convolution's weight has four axes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from resnet_lab.errors import UserError


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon on each convolution's weight as a matrix [outputs, the rest], AdamW on everything else.

    Jordan 2024 (kellerjordan.github.io/posts/muon) flattens convolutions so, and leaves biases, gains and the
    classifier to AdamW. One learning rate and one decoupled decay serve both, because Muon's step is scaled to
    AdamW's (Liu et al. 2025, arXiv 2502.16982, section 2.2). `momentum` is Muon's, with Nesterov's step, and AdamW's
    beta 1. Raises UserError where torch has no Muon.
    """

    def __init__(self, params: Sequence[nn.Parameter], *, lr: float, momentum: float, weight_decay: float) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise UserError(f"torch {torch.__version__} has no Muon: install torch 2.9 or later, or choose sgd")
        super().__init__(params, {"lr": lr})
        self._convs = [parameter for parameter in params if parameter.ndim == 4]
        self._matrices = [nn.Parameter(_matrix(conv.detach())) for conv in self._convs]
        rest = [parameter for parameter in params if parameter.ndim != 4]
        self._parts: dict[str, torch.optim.Optimizer] = {}
        if self._matrices:
            self._parts["muon"] = torch.optim.Muon(
                self._matrices, lr, weight_decay, momentum, adjust_lr_fn="match_rms_adamw"
            )
        if rest:
            self._parts["adamw"] = torch.optim.AdamW(
                rest, lr, betas=(momentum, 0.999), weight_decay=weight_decay, fused=True
            )

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # without a closure: one gradient per step
        """Make one step of both parts at the rate of `param_groups`."""
        for matrix, conv in zip(self._matrices, self._convs, strict=True):
            matrix.data = _matrix(conv)  # each time: moving a network gives its weights new storage
            matrix.grad = None if conv.grad is None else _rows_like(conv, conv.grad).reshape(matrix.shape)
        for part in self._parts.values():
            for group in part.param_groups:
                group["lr"] = self.param_groups[0]["lr"]
            part.step()
        for matrix in self._matrices:
            matrix.grad = None  # else the gradients would outlive zero_grad

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both parts."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `state_dict()`."""
        for name, part in self._parts.items():
            part.load_state_dict(state_dict[name])


def _matrix(conv: Tensor) -> Tensor:
    """Return a weight as a matrix [outputs, the rest] over the same memory."""
    return _rows_like(conv, conv).view(len(conv), -1)


def _rows_like(conv: Tensor, tensor: Tensor) -> Tensor:
    """Return the tensor with its axes in the order in which `conv` lies in memory.

    A matrix in channels_last has its columns in another order, which changes nothing: Muon commutes with it.
    """
    return tensor.permute(0, 2, 3, 1) if conv.is_contiguous(memory_format=torch.channels_last) else tensor
