"""Features of a frozen backbone: computed once for each part of the images, and a head trained on them.

A head over a frozen network sees the same features in every epoch where images are not augmented. They are computed in
one pass, so that twenty epochs of the head cost little more than that pass.
"""

import contextlib
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from resnet_lab.data.augment import draw, normalise
from resnet_lab.data.images import ImageData, Images
from resnet_lab.engine.evaluate import BATCH, Evaluation, score
from resnet_lab.engine.optimizers.make_optimizer import set_rate
from resnet_lab.engine.precision import autocast
from resnet_lab.engine.schedules import lr_at
from resnet_lab.engine.train_step import TrainStep
from resnet_lab.rng import draws_noise, epoch_noise
from resnet_lab.spec import Augmentation, RunSpec, Trained
from resnet_lab.spec.choices import FrozenMode


def are_frozen(spec: RunSpec) -> bool:
    """Return whether a head alone is trained, on images that are the same in every epoch."""
    recipe = spec.recipe
    if spec.protocol.frozen_mode == FrozenMode.TRAIN:  # their norms' statistics drift
        return False
    return recipe.trained == Trained.HEAD and recipe.augmentation == Augmentation.NONE and not recipe.mixup


@dataclass(frozen=True, slots=True)
class FrozenFeatures:
    """What the head of a network reads of its images, float32 [N, F] on their device, by part; kept once computed."""

    model: nn.Module
    head: nn.Module
    data: ImageData
    dtype: torch.dtype
    _kept: dict[int, Tensor] = field(default_factory=dict)

    def of(self, images: Images) -> Tensor:
        """Return the features of one of the data's parts."""
        if id(images) not in self._kept:
            self._kept[id(images)] = self._compute(images)
        return self._kept[id(images)]

    def evaluate(self, images: Images) -> Evaluation:
        """Evaluate the head on one of the data's parts, in eval mode; its mode is restored afterwards."""
        training, features = self.head.training, self.of(images)
        self.head.eval()
        with torch.inference_mode(), autocast(features.device, self.dtype):
            logits = self.head(features)
        self.head.train(training)
        return score(logits.float(), images.labels)

    @torch.no_grad()
    def _compute(self, images: Images) -> Tensor:
        """Run the whole network and keep what comes to its head; the network's mode is restored afterwards."""
        training, found = self.model.training, []
        hook = self.head.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].float()))
        self.model.eval()
        try:
            for pixels in images.pixels.split(BATCH[images.pixels.device.type]):  # type: ignore[no-untyped-call]  # torch leaves it untyped
                with autocast(pixels.device, self.dtype):
                    self.model(normalise(self.data.view(pixels), self.data.mean, self.data.std, self.dtype))
        finally:
            hook.remove()
            self.model.train(training)
        return torch.cat(found)


class FeatureRunner:
    """Trains epochs of a head on kept features, the images in the order in which the network itself would see them."""

    def __init__(self, spec: RunSpec, features: FrozenFeatures, train_step: TrainStep) -> None:
        self.spec, self.features, self.train_step = spec, features, train_step
        self.mode = "eager: on kept features"
        self._noisy = draws_noise(features.head)

    def run(self, *, epoch: int, iteration: int, count: int, rate: float) -> tuple[float, Tensor]:
        """Train `count` steps from the start of an epoch; return the summed loss and each step's wrong predictions.

        `iteration` is the first step's number in the run and `rate` the plateau's.
        """
        spec, device, data = self.spec, self.train_step.device, self.features.data
        x, y = self.features.of(data.train), data.train.labels
        order = draw(len(y), spec.recipe, seed=spec.seed, epoch=epoch, margin=data.margin).order.to(device)
        loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        wrong = torch.zeros(count, dtype=torch.int64, device=device)
        batches = order.split(spec.recipe.batch_size)[:count]  # type: ignore[no-untyped-call]  # torch leaves it untyped
        with epoch_noise(spec.seed, epoch, device) if self._noisy else contextlib.nullcontext():
            for step, rows in enumerate(batches):
                set_rate(self.train_step.optimizer, lr_at(spec, iteration + step, rate))
                loss, logits = self.train_step.run(x[rows], y[rows])
                loss_sum += loss
                wrong[step] = (logits.argmax(1) != y[rows]).sum()
        return float(loss_sum), wrong.cpu()

    def forget(self) -> None:
        """Nothing is kept from step to step but the features, which no state changes."""
