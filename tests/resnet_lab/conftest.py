"""The published CIFAR files, and what a network of ours is held against another with: weights and images."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ablations.spec import BlockSpec
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec

CHECKPOINTS = Path(__file__).resolve().parents[2].parent / "shared" / "checkpoints"


def _published(name: str) -> Path:
    path = CHECKPOINTS / name
    if not path.is_file():
        pytest.skip(f"the public CIFAR checkpoints are not here: there is no {path}")
    return path


@pytest.fixture(scope="session")
def public_resnet20() -> Path:
    """Y. Idelbayev's ResNet-20 for CIFAR-10. Read only."""
    return _published("resnet20-12fca82f.th")


@pytest.fixture(scope="session")
def public_resnet56() -> Path:
    """Y. Idelbayev's ResNet-56 for CIFAR-10. Read only."""
    return _published("resnet56-4bfd9763.th")


@pytest.fixture
def float64_network() -> Callable[..., nn.Module]:
    """Build one of our networks in float64, its norms' scales and shifts drawn, so that each of them matters."""

    def build(depth: int, width: int, **switches: object) -> nn.Module:
        model = build_network(ModelSpec(depth=depth, width=width, block=BlockSpec(**switches)))
        initialise(model, 0)
        draw = torch.Generator().manual_seed(0)
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.data.uniform_(0.5, 1.5, generator=draw)
                part.bias.data.normal_(generator=draw)
        return model.double()

    return build


@pytest.fixture
def float64_images() -> torch.Tensor:
    """Four images of 9 x 7 pixels: odd, and no square."""
    return torch.randn(4, 3, 9, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
