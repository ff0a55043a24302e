"""How a session trains: captured on a GPU where the step can be, else eagerly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from resnet_lab.data.images import ImageData
from resnet_lab.engine.captured import CapturedRunner, rate_tensor, why_eager
from resnet_lab.engine.eager import EagerRunner
from resnet_lab.engine.effective_blocks import EffectiveBlocks
from resnet_lab.engine.graph_capture import CudaGraphCapture, GraphCapture
from resnet_lab.engine.optimizers import make_optimizer
from resnet_lab.engine.train_step import TrainStep
from resnet_lab.rng import draws_on_host
from resnet_lab.spec import RunSpec


class EpochRunner(Protocol):
    """Trains epochs of one network."""

    def run(self, *, epoch: int, iteration: int, count: int, rate: float) -> tuple[float, int]:
        """Train `count` steps from the start of an epoch; return the summed loss and the wrong predictions.

        `iteration` is the first step's number in the run, `rate` what the plateau schedule has come to.
        """

    def forget(self) -> None:
        """Take notice that the optimiser's state was loaded and lies elsewhere now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeSettings:
    """The means of training that a spec does not name, since they change no more than the rounding."""

    device: torch.device
    dtype: torch.dtype
    forward: Callable[[Tensor], Tensor]
    """What is called in the network's place: itself, its kernels compiled for a CPU, or torch.compile's version."""
    effective: EffectiveBlocks | None
    """Draws the blocks of each mini-batch, where the recipe says so."""
    recorder: GraphCapture | None = None
    """Captures the step. None: a CUDA graph on a GPU, and no capture elsewhere."""


def make_epoch_runner(
    spec: RunSpec, data: ImageData, padded: Tensor, model: nn.Module, means: ComputeSettings
) -> tuple[EpochRunner, torch.optim.Optimizer, str]:
    """Return what trains the network, its optimiser, and "captured", "eager", or "eager: " and why.

    Raises UserError for an optimiser that torch does not have.
    """
    recipe, device = spec.recipe, means.device
    recorder = means.recorder or (CudaGraphCapture(device) if device.type == "cuda" else None)
    reason = why_eager(recipe, host_noise=draws_on_host(model)) if recorder else None
    capture = recorder is not None and reason is None
    rate = rate_tensor(device) if capture else None
    learner = TrainStep(
        model=model,
        parameters=list(model.parameters()),
        forward=means.forward,
        optimizer=make_optimizer(recipe, model.parameters(), rate),
        device=device,
        dtype=means.dtype,
        label_smoothing=recipe.label_smoothing,
        cast_cache=not capture,
    )
    if recorder is None or rate is None:
        mode = f"eager: {reason}" if reason else "eager"
        return EagerRunner(spec, data, padded, learner, means.effective), learner.optimizer, mode
    return CapturedRunner(spec, data, padded, learner, rate, recorder), learner.optimizer, "captured"
