"""Squeeze-and-excitation (Hu et al., arXiv 1709.01507, section 3)."""

import torch
from torch import nn

REDUCTION = 16  # section 6.4: the default of the paper


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate computed from all channels' means. [N, C, H, W] -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // REDUCTION, 1)
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.act = nn.ReLU()
        self.excite = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate: torch.Tensor = self.excite(self.act(self.squeeze(x.mean((2, 3), keepdim=True))))
        return x * gate.sigmoid()
