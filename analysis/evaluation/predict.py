"""Predictions of a trained network: the logits of every test image."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.inputs.batches import ImageBatches
from analysis.inputs.progress_bar import Progress
from analysis.inputs.targets import Target
from resnet_lab.engine.precision import autocast


def predict(target: Target, dtype: torch.dtype, progress: Progress) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the logits [N, classes] and the true classes [N] of the test images, each in its original view."""
    batches = ImageBatches.of(target.data, target.data.test, dtype=dtype)
    advance = progress("evaluation", len(batches))
    logits = []
    for part in _logits(target, batches, dtype):
        logits.append(part.double().cpu().numpy())
        advance()
    return np.concatenate(logits), target.data.test.labels.cpu().numpy()


@torch.inference_mode()
def _logits(target: Target, batches: Iterable[tuple[Tensor, Tensor]], dtype: torch.dtype) -> Iterable[Tensor]:
    for x, _ in batches:
        with autocast(target.device, dtype):
            yield target.model(x)
