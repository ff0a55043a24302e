"""Muon for convolutional networks: torch's takes matrices only, and a convolution's weight has four axes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from resnet_lab.errors import UserError


class BatchedMuon(torch.optim.Muon):
    """torch.optim.Muon for a captured step: its rate is a number [] on the device, and weights of equal shape go
    through the products together. Their states are the same, and their steps but for rounding."""

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # without a closure: one gradient per step
        """Make one step at the rate of `param_groups`."""
        for group in self.param_groups:
            for matrices in _by_shape(group["params"]).values():
                self._step_together(matrices, group)

    def _step_together(self, matrices: list[nn.Parameter], group: dict[str, Any]) -> None:
        weights: list[Tensor] = list(matrices)
        gradients: list[Tensor] = [matrix.grad for matrix in matrices if matrix.grad is not None]
        sums = [self._sum(matrix) for matrix in matrices]
        momentum, rate = group["momentum"], group["lr"]
        torch._foreach_lerp_(sums, gradients, 1 - momentum)
        steps = torch.stack(torch._foreach_lerp(gradients, sums, momentum) if group["nesterov"] else sums)
        rows, columns = steps.shape[1:]
        steps = _orthogonal(steps, group["ns_coefficients"], group["ns_steps"], group["eps"]).float()
        torch._foreach_mul_(weights, 1 - rate * group["weight_decay"])
        # As torch's adjust_lr_fn="match_rms_adamw".
        torch._foreach_sub_(weights, (steps * (rate * (0.2 * max(rows, columns) ** 0.5))).unbind())

    def _sum(self, matrix: nn.Parameter) -> Tensor:
        state: dict[str, Any] = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix, memory_format=torch.preserve_format)
        buffer: Tensor = state["momentum_buffer"]
        return buffer


def _by_shape(matrices: Sequence[nn.Parameter]) -> dict[torch.Size, list[nn.Parameter]]:
    found: dict[torch.Size, list[nn.Parameter]] = {}
    for matrix in matrices:
        if matrix.grad is not None:
            found.setdefault(matrix.shape, []).append(matrix)
    return found


def _orthogonal(matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Return [N, rows, columns], each nearly orthogonal, in bfloat16: torch's Newton-Schulz iteration, N at once."""
    a, b, c = coefficients
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices.bfloat16() if wide else matrices.bfloat16().mT
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon on each convolution's weight as a matrix [outputs, the rest], AdamW on everything else.

    Jordan 2024 (kellerjordan.github.io/posts/muon) flattens convolutions so, and leaves biases, gains and the
    classifier to AdamW. One learning rate and one decoupled decay serve both, because Muon's step is scaled to
    AdamW's (Liu et al. 2025, arXiv 2502.16982, section 2.2). `momentum` is Muon's, with Nesterov's step, and AdamW's
    beta 1. Raises UserError where torch has no Muon.
    """

    def __init__(
        self,
        params: Sequence[nn.Parameter],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        rate: Tensor | None = None,
    ) -> None:
        """With `rate` [] both parts read it there at every step, and their steps can be captured."""
        if not hasattr(torch.optim, "Muon"):
            raise UserError(f"torch {torch.__version__} has no Muon: install torch 2.9 or later, or choose sgd")
        super().__init__(params, {"lr": lr if rate is None else rate})
        self._convs = [parameter for parameter in params if parameter.ndim == 4]
        self._matrices = [nn.Parameter(_matrix(conv.detach())) for conv in self._convs]
        rest = [parameter for parameter in params if parameter.ndim != 4]
        self.parts: dict[str, torch.optim.Optimizer] = {}
        kind = torch.optim.Muon if rate is None else BatchedMuon
        if self._matrices:
            self.parts["muon"] = kind(self._matrices, lr, weight_decay, momentum, adjust_lr_fn="match_rms_adamw")
        if rest:
            self.parts["adamw"] = torch.optim.AdamW(
                rest,
                lr if rate is None else rate,
                betas=(momentum, 0.999),
                weight_decay=weight_decay,
                fused=True,
                capturable=rate is not None and rate.is_cuda,
            )

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # without a closure: one gradient per step
        """Make one step of both parts at the rate of `param_groups`."""
        for matrix, conv in zip(self._matrices, self._convs, strict=True):
            matrix.data = _matrix(conv)  # each time: moving a network gives its weights new storage
            matrix.grad = None if conv.grad is None else _rows_like(conv, conv.grad).reshape(matrix.shape)
        for part in self.parts.values():
            for group in part.param_groups:
                group["lr"] = self.param_groups[0]["lr"]
            part.step()
        for matrix in self._matrices:
            matrix.grad = None  # else the gradients would outlive zero_grad

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both parts."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `state_dict()`."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])


def _matrix(conv: Tensor) -> Tensor:
    """Return a weight as a matrix [outputs, the rest] over the same memory."""
    return _rows_like(conv, conv).view(len(conv), -1)


def _rows_like(conv: Tensor, tensor: Tensor) -> Tensor:
    """Return the tensor with its axes in the order in which `conv` lies in memory.

    A matrix in channels_last has its columns in another order, which changes nothing: Muon commutes with it.
    """
    return tensor.permute(0, 2, 3, 1) if conv.is_contiguous(memory_format=torch.channels_last) else tensor
