"""Fixtures: foreign networks with random weights, the public CIFAR files, one thread."""

from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "checkpoints"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def public_resnet20():
    path = SHARED / "resnet20-12fca82f.th"
    if not path.is_file():
        pytest.skip("the public CIFAR checkpoints are not here: shared/checkpoints is missing")
    return path


@pytest.fixture(scope="session")
def public_resnet56():
    path = SHARED / "resnet56-4bfd9763.th"
    if not path.is_file():
        pytest.skip("the public CIFAR checkpoints are not here: shared/checkpoints is missing")
    return path


def randomised(model):
    """Give every tensor of a network random values, running statistics among them, so that no mix-up cancels."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator)
                tensor.copy_(0.5 + noise if tensor.dim() < 2 else (noise - 0.5) * (4 / tensor[0].numel()) ** 0.5)
            elif name.endswith("num_batches_tracked"):
                tensor.fill_(7)
    return model.eval()


@pytest.fixture
def foreign():
    """Build a network of torchvision's by name, with random weights in every tensor."""
    from torchvision import models

    return lambda name, **options: randomised(getattr(models, name)(**options))


@pytest.fixture
def randomise():
    return randomised
