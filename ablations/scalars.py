"""Learned scalars: one number for a whole tensor (Fixup's shifts and factors, SkipInit's factor) or for a channel."""

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


class LayerScale(nn.Module):
    """Multiply each channel by a learned number of its own, at first `start`: [N, C, H, W] -> the same.

    Touvron et al. 2021 (arXiv 2103.17239), section 2.
    """

    def __init__(self, channels: int, start: float) -> None:
        super().__init__()
        self.start = start
        self.value = nn.Parameter(torch.full((channels,), start))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.value.to(x.dtype)[:, None, None]

    def extra_repr(self) -> str:
        return f"{len(self.value)}, start={self.start:g}"
