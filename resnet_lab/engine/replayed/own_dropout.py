"""Dropout from a generator of the trial's own, so that trials in one process draw without waiting for each other."""

import torch
from torch import Tensor, nn


class OwnDropout(nn.Dropout):
    """nn.Dropout that draws from `generator`; from equal generators on a CPU it draws the same bits."""

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__(p)
        self._generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Return x [...] with a share p of its numbers zero and the others over 1 - p, in training."""
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return x * torch.zeros_like(x)
        kept = torch.empty_like(x).bernoulli_(1 - self.p, generator=self._generator)
        return x * kept.div_(1 - self.p)


def own_generator(model: nn.Module, device: torch.device) -> torch.Generator | None:
    """Give every dropout of a network one generator of its own, and return it; None where there is no dropout."""
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Dropout) and child.p > 0
    ]
    if not found:
        return None
    generator = torch.Generator(device)
    for parent, name, child in found:
        setattr(parent, name, OwnDropout(child.p, generator).train(child.training))
    return generator
