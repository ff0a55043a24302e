"""Images of a benchmark: the same pixels for both sides, each in its own process."""

from pathlib import Path

import torch

from resnet_lab.data.catalog import info_of
from resnet_lab.data.images import ImageData, Images
from resnet_lab.data.load import load
from resnet_lab.spec import DatasetName, DataSpec


def benchmark_images(spec: DataSpec, data_dir: Path | None) -> ImageData:
    """Return the real set from `data_dir`, the digits (which need no files), or noise of the set's shape.

    The content of the pixels does not change the time of a step.
    """
    if data_dir is not None or spec.name == DatasetName.DIGITS:
        return load(spec, data_dir)
    info = info_of(spec)
    count = spec.train_images or info.train
    generator = torch.Generator().manual_seed(0)
    images = Images(
        torch.randint(256, (count, info.size, info.size, info.channels), dtype=torch.uint8, generator=generator),
        torch.randint(info.classes, (count,), generator=generator),
    )
    few = Images(images.pixels[:1], images.labels[:1])
    half = torch.full((info.channels,), 0.5)
    return ImageData(
        name=spec.name, train=images, val=few, test=few, mean=half, std=half, sha256="", classes=info.classes
    )
