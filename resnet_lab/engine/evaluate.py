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
LARGEST, NUMBERS = 5000, 2**27
"""Images of a GPU's chunk at most: CIFAR's validation set in one. And numbers in what the first convolution makes of a
chunk, which is as large as any activation of the nets here: 256 MiB in bf16."""


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
    chunks = max(1, -(-len(images) // chunk_size(model, images)))
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


def chunk_size(model: nn.Module, images: Images) -> int:
    """Return how many images are evaluated at once: on a GPU as many as its memory allows, since each chunk costs the
    host a launch for every operation; no fewer than on a CPU.
    """
    if images.pixels.device.type != "cuda":
        return BATCH["cpu"]
    channels = next((module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d)), 1)
    _, height, width, _ = images.pixels.shape
    return max(BATCH["cpu"], min(LARGEST, NUMBERS // (channels * height * width)))


def score(logits: Tensor, labels: Tensor) -> Evaluation:
    """Return the evaluation of logits [N, classes] of float32 against the true classes [N]."""
    correct = logits.argmax(1) == labels
    loss = F.cross_entropy(logits, labels, reduction="sum").double()
    count = len(labels)
    return Evaluation(wrong=count - int(correct.sum()), images=count, loss=float(loss) / count, correct=correct)
