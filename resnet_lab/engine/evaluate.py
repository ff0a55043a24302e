"""Evaluation: error and loss of a network on a set of images; wrong predictions are counted exactly."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_lab.data.augment import normalise
from resnet_lab.data.images import ImageData, Images
from resnet_lab.engine.precision import autocast

# On a CPU a batch whose activations stay in the cache takes half the time of one ten times as large (measured); a GPU
# wants to be filled.
BATCH = {"cpu": 125, "cuda": 1000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Wrong predictions among `images`, and the mean cross-entropy in nats."""

    wrong: int
    images: int
    loss: float
    correct: Tensor | None = field(default=None, compare=False, repr=False)
    """Whether each image's prediction is right, bool [images] on the device, in the order of the images."""

    @property
    def error(self) -> float:
        """Error in per cent."""
        return 100 * self.wrong / self.images


@torch.inference_mode()
def evaluate(model: nn.Module, images: Images, data: ImageData, dtype: torch.dtype) -> Evaluation:
    """Evaluate in eval mode on the single original view; the model's mode is restored afterwards."""
    training = model.training
    model.eval()
    device = images.pixels.device
    chunks = max(1, -(-len(images) // BATCH[device.type]))
    correct = []
    loss = torch.zeros((), dtype=torch.float64, device=device)
    for pixels, labels in zip(images.pixels.chunk(chunks), images.labels.chunk(chunks), strict=True):
        with autocast(device, dtype):
            logits: Tensor = model(normalise(data.view(pixels), data.mean, data.std, dtype)).float()
        loss += F.cross_entropy(logits, labels, reduction="sum")
        correct.append(logits.argmax(1) == labels)
    model.train(training)
    each = torch.cat(correct)
    return Evaluation(
        wrong=len(images) - int(each.sum()), images=len(images), loss=float(loss) / len(images), correct=each
    )


def score(logits: Tensor, labels: Tensor) -> Evaluation:
    """Return the evaluation of logits [N, classes] of float32 against the true classes [N]."""
    correct = logits.argmax(1) == labels
    loss = F.cross_entropy(logits, labels, reduction="sum").double()
    count = len(labels)
    return Evaluation(wrong=count - int(correct.sum()), images=count, loss=float(loss) / count, correct=correct)
