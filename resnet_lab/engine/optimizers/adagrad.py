"""Adagrad for a captured step: torch's counts its steps and reads its rate on the host."""

import torch
from torch import Tensor


class CapturableAdagrad(torch.optim.Adagrad):
    """torch.optim.Adagrad without decay of the rate, which is a number [] on the device. Their states are the same."""

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # without a closure: one gradient per step
        """Make one step at the rate of `param_groups`."""
        for group in self.param_groups:
            params = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not params:
                continue
            self._count(params)
            sums = [self.state[parameter]["sum"] for parameter in params]
            gradients: list[Tensor] = [parameter.grad for parameter in params]
            if group["weight_decay"]:
                gradients = list(torch._foreach_add(gradients, params, alpha=group["weight_decay"]))
            torch._foreach_addcmul_(sums, gradients, gradients)
            roots = torch._foreach_sqrt(sums)
            torch._foreach_add_(roots, group["eps"])
            torch._foreach_addcdiv_(params, torch._foreach_mul(gradients, -group["lr"]), roots)

    def _count(self, params: list[Tensor]) -> None:
        """Count the step where the weights lie: what a graph adds to on the host it adds once."""
        for parameter in params:
            state = self.state[parameter]
            if state["step"].device != parameter.device:
                state["step"] = state["step"].to(parameter.device)
        torch._foreach_add_([self.state[parameter]["step"] for parameter in params], 1.0)
