"""Learned scalars: one number for a whole tensor, as Fixup's shifts and factors and SkipInit's factor."""

import torch
from torch import nn


class Shift(nn.Module):
    """Add one learned number, at first 0 (Fixup, Zhang et al. 2019, arXiv 1901.09321, section 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.value.to(x.dtype)


class Factor(nn.Module):
    """Multiply by one learned number: at first 1 in Fixup, 0 in SkipInit (De and Smith 2020, arXiv 2002.10444)."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start = start
        self.value = nn.Parameter(torch.full((), start))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.value.to(x.dtype)

    def extra_repr(self) -> str:
        return f"start={self.start:g}"
