"""The eager engine: the steps of an epoch one by one, on any device and for any network."""

import contextlib

import torch
from torch import Tensor

from resnet_lab.data.augment import batches
from resnet_lab.data.images import ImageData
from resnet_lab.engine.effective_blocks import EffectiveBlocks
from resnet_lab.engine.optimizers.make_optimizer import set_rate
from resnet_lab.engine.schedules import lr_at
from resnet_lab.engine.train_step import TrainStep, wrong_predictions
from resnet_lab.rng import NoiseByStep, draws_noise, epoch_noise
from resnet_lab.spec import RunSpec


class EagerRunner:
    """Trains epochs step by step."""

    def __init__(
        self,
        spec: RunSpec,
        data: ImageData,
        padded: Tensor,
        train_step: TrainStep,
        effective: EffectiveBlocks | None,
        reason: str | None = None,
    ) -> None:
        """`reason` says why the step is not captured, where that was asked for."""
        self.mode = f"eager: {reason}" if reason else "eager"
        self._noisy = effective is not None or draws_noise(train_step.model)
        self.spec, self.data, self.padded, self.train_step, self.effective = spec, data, padded, train_step, effective

    def run(self, *, epoch: int, iteration: int, count: int, rate: float) -> tuple[float, Tensor]:
        """Train `count` steps from the start of an epoch; return the summed loss and each step's wrong predictions.

        `iteration` is the first step's number in the run and `rate` the plateau's.
        """
        spec, device = self.spec, self.train_step.device
        loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        wrong = torch.zeros(count, dtype=torch.int64, device=device)
        drawn = batches(
            self.data, spec.recipe, seed=spec.seed, epoch=epoch, dtype=self.train_step.dtype, padded=self.padded
        )
        # Beside a GPU there are other trials in this process, which must not wait for this epoch.
        by_step = self._noisy and device.type == "cuda"
        noise = NoiseByStep(spec.seed, epoch, device) if by_step else None
        with epoch_noise(spec.seed, epoch, device) if self._noisy and not by_step else contextlib.nullcontext():
            for step, (x, y) in zip(range(count), drawn, strict=False):
                with noise.step() if noise else contextlib.nullcontext():
                    loss, logits = self.step(x, y, lr_at(spec, iteration + step, rate))
                loss_sum += loss
                wrong[step] = wrong_predictions(logits, y)
        if self.effective is not None:
            self.effective.restore()
        return float(loss_sum), wrong.cpu()

    def step(self, x: Tensor, y: Tensor, lr: float) -> tuple[Tensor, Tensor]:
        """Take one step at the rate `lr`; return the loss [] and the logits [B, classes]."""
        if self.effective is not None:
            self.effective.draw()
        set_rate(self.train_step.optimizer, lr)
        return self.train_step.run(x, y)

    def forget(self) -> None:
        """Nothing is kept from step to step."""
