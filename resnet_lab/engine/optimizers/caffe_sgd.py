"""SGD as Caffe writes it: the momentum sums steps, where torch's sums gradients and multiplies the sum by the rate."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class CaffeSGD(torch.optim.Optimizer):
    """v = m v + lr g, then w -= v; with Nesterov w -= m v + lr g. g includes the L2 penalty.

    torch has v = m v + g and w -= lr v. The two agree while the rate stays, and differ after each change of it: here
    what was summed at the old rate fades by m a step, there it is multiplied by the new rate at once. Nesterov's step
    is that of Caffe's NesterovSolver, (1 + m) v_new - m v_old.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float | Tensor,
        *,
        momentum: float,
        weight_decay: float,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr})
        self._momentum, self._decay, self._nesterov = momentum, weight_decay, nesterov

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # without a closure: one gradient per step
        """Make one step at the rate of `param_groups`, which may be a number on the device."""
        for group in self.param_groups:
            params = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not params:
                continue
            sums = [self._sum(parameter) for parameter in params]
            scaled = torch._foreach_add([p.grad for p in params], params, alpha=self._decay)
            torch._foreach_mul_(scaled, group["lr"])
            torch._foreach_mul_(sums, self._momentum)
            torch._foreach_add_(sums, scaled)
            torch._foreach_sub_(
                params, torch._foreach_add(scaled, sums, alpha=self._momentum) if self._nesterov else sums
            )

    def _sum(self, parameter: nn.Parameter) -> Tensor:
        state: dict[str, Any] = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        buffer: Tensor = state["momentum_buffer"]
        return buffer
