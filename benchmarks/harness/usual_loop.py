"""The usual training loop, the reference side of a comparison, with its best number of loader workers.

DataLoader, PIL images, torchvision transforms, float32, torch's default threads and optimiser settings; the network,
the batch, the augmentation and the recipe's numbers are the engine's.
"""

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness.images import benchmark_images
from benchmarks.harness.processes import Ask, Process
from resnet_lab.data.augment import padding_of
from resnet_lab.data.images import ImageData, Images
from resnet_lab.networks import build_network
from resnet_lab.spec import Augmentation, RecipeSpec, RunSpec

LOADER_WORKERS = (0, 2, 4)
TURN_S = 12  # when other programs run, the threads of this loop wait for each other, and a turn would take a minute
# A user's shell may hold these for a sweep; the usual loop runs with torch's own choice.
DEFAULT_THREADS = {"OMP_NUM_THREADS": None, "MKL_NUM_THREADS": None}


def start_usual_loop(spec: RunSpec, data_dir: Path | None) -> Process:
    """Start the process of the usual loop in the caller's environment."""
    return Process(make_usual_loop, spec, data_dir, environment=DEFAULT_THREADS)


def make_usual_loop(spec: RunSpec, data_dir: Path | None) -> Ask:
    """Return what the process does: start all loader workers ("open"), or train a number of steps with some of them."""
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores: a candidate
    data = benchmark_images(spec.data, data_dir)
    model = build_network(spec.model, channels=data.train.pixels.shape[-1], classes=data.classes)
    loop = UsualLoop(model, spec.recipe)
    loaders = {f"train/{count}": endless(make_loader(data, spec.recipe, workers=count)) for count in LOADER_WORKERS}

    def ask(request: tuple[str, int]) -> float:
        name, steps = request
        if name == "open":
            for loader in loaders.values():
                next(loader)
            return 0.0
        loop.train(loaders[name], 1)  # wakes the cores
        return loop.train(loaders[name], steps)

    return ask


class PILImages(Dataset[tuple[Tensor, int]]):
    """Images as torchvision's own data sets give them: an array in memory, one PIL image at a time."""

    def __init__(self, images: Images, transform: Any) -> None:
        self.pixels, self.labels = images.pixels.squeeze(-1).numpy(), images.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def make_loader(data: ImageData, recipe: RecipeSpec, *, workers: int) -> DataLoader[tuple[Tensor, int]]:
    """Return the shuffling loader of full batches whose workers outlive an epoch."""
    from torchvision import transforms

    steps: list[Any] = []
    if padding := padding_of(recipe):
        steps.append(transforms.RandomCrop(data.train.pixels.shape[1], padding=padding))
    if recipe.augmentation in (Augmentation.FLIP, Augmentation.CROP_FLIP):
        steps.append(transforms.RandomHorizontalFlip())
    steps += [transforms.ToTensor(), transforms.Normalize(data.mean.tolist(), data.std.tolist())]
    images = PILImages(data.train, transforms.Compose(steps))
    return DataLoader(
        images,
        recipe.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


class UsualLoop:
    """A network in training the usual way."""

    def __init__(self, model: nn.Module, recipe: RecipeSpec, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self.model = model.to(self.device).train()
        self.optimizer = torch.optim.SGD(
            model.parameters(), recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
        self.loss = 0.0

    def train(self, batches: Iterator[tuple[Tensor, Tensor]], steps: int) -> float:
        """Train that many steps, or fewer where they take longer than TURN_S; return the steps per second."""
        start, done = time.perf_counter(), 0
        while done < steps and (not done or time.perf_counter() - start < TURN_S):
            x, y = (tensor.to(self.device, non_blocking=True) for tensor in next(batches))
            self.optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(self.model(x), y)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self.optimizer.step()
            self.loss += loss.item()
            done += 1
        return done / (time.perf_counter() - start)


def endless(loader: DataLoader[Any]) -> Iterator[Any]:
    while True:
        yield from loader
