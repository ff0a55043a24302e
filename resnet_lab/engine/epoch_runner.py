"""The epoch runner of a session: captured on a GPU where the step can be, else eager."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from resnet_lab.data.images import ImageData
from resnet_lab.engine.captured import CapturedRunner, rate_tensor, why_eager
from resnet_lab.engine.eager import EagerRunner
from resnet_lab.engine.effective_blocks import EffectiveBlocks
from resnet_lab.engine.frozen.features import FeatureRunner, FrozenFeatures
from resnet_lab.engine.graph_capture import CudaGraphCapture, GraphCapture
from resnet_lab.engine.optimizers.make_optimizer import make_optimizer, parameter_groups
from resnet_lab.engine.replayed.weight_casts import WeightCasts
from resnet_lab.engine.train_step import TrainStep
from resnet_lab.engine.weight_average import WeightAverage
from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.spec import RunSpec


class EpochRunner(Protocol):
    """Trains epochs of one network."""

    @property
    def mode(self) -> str:
        """captured, eager, or `eager: ` and why; it may change with the first step."""

    def run(self, *, epoch: int, iteration: int, count: int, rate: float) -> tuple[float, Tensor]:
        """Train `count` steps from the start of an epoch; return the summed loss and each step's wrong predictions.

        The latter are int64 [count] on the CPU. `iteration` is the first step's number in the run, `rate` the plateau
        schedule's learning rate.
        """

    def forget(self) -> None:
        """Drop what was captured: the optimiser's state was loaded and lies elsewhere now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeSettings:
    """How a session computes. A spec does not name it, since it changes no more than the rounding."""

    device: torch.device
    dtype: torch.dtype
    forward: Callable[[Tensor], Tensor]
    """What is called in the network's place: itself, its kernels compiled for a CPU, or torch.compile's version."""
    effective: EffectiveBlocks | None
    """Draws the blocks of each mini-batch, where the recipe says so."""
    features: FrozenFeatures | None = None
    """What a head alone is trained on, in the place of images."""
    compiled: bool = False
    """Whether `forward` is torch.compile's version."""
    capture: GraphCapture | None = None
    """Captures the step. None: a CUDA graph on a GPU, and no capture elsewhere."""


def make_epoch_runner(
    spec: RunSpec,
    data: ImageData,
    padded: Tensor,
    model: nn.Module,
    settings: ComputeSettings,
    average: WeightAverage | None = None,
) -> tuple[EpochRunner, torch.optim.Optimizer]:
    """Return what trains the network, and its optimiser.

    Raises UserError for an optimiser that torch does not have.
    """
    recipe, device = spec.recipe, settings.device
    capture = settings.capture or (CudaGraphCapture(device) if device.type == "cuda" else None)
    reason = why_eager(recipe, host_noise=_draws_elsewhere(model)) if capture else None
    captures = capture is not None and reason is None and settings.features is None
    rate = rate_tensor(device) if captures else None
    train_step = TrainStep(
        model=model,
        parameters=[parameter for parameter in model.parameters() if parameter.requires_grad],
        forward=settings.features.head if settings.features else settings.forward,
        optimizer=make_optimizer(recipe, parameter_groups(model), rate),
        device=device,
        dtype=settings.dtype,
        label_smoothing=recipe.label_smoothing,
        cast_cache=not captures,
        average=average,
        casts=WeightCasts(model, settings.dtype) if captures and _is_cast(settings) else None,
    )
    if settings.features is not None:
        return FeatureRunner(spec, settings.features, train_step), train_step.optimizer
    if capture is None or rate is None:
        return EagerRunner(spec, data, padded, train_step, settings.effective, reason), train_step.optimizer
    runner = CapturedRunner(
        spec,
        data,
        padded,
        train_step,
        rate,
        capture,
        effective=settings.effective,
        # torch.compile keeps torch's own dropout, which draws from the one generator of the process.
        own_noise=not settings.compiled,
    )
    return runner, train_step.optimizer


def _is_cast(settings: ComputeSettings) -> bool:
    """Whether autocast casts weights one by one: torch.compile casts them within its own kernels."""
    return settings.dtype != torch.float32 and not settings.compiled


def _draws_elsewhere(model: nn.Module) -> bool:
    """Whether a part that is no residual block draws on the host, which a captured step cannot repeat."""
    blocks = {id(block) for block in residual_blocks(model)}
    return any(getattr(module, "drop_path", 0) > 0 for module in model.modules() if id(module) not in blocks)
