"""One training step on a mini-batch: forward, loss, backward, update. The eager and the captured engine share it."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_lab.engine.precision import autocast
from resnet_lab.engine.replayed.weight_casts import WeightCasts
from resnet_lab.engine.weight_average import WeightAverage


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStep:
    """A network, its optimiser, and how their steps are computed."""

    model: nn.Module
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    device: torch.device
    dtype: torch.dtype
    label_smoothing: float
    forward: Callable[[Tensor], Tensor]
    """What is called in `model`'s place."""
    cast_cache: bool = True
    """Whether autocast keeps weights it has cast; its cache is one for all threads, so packed trials do without."""
    average: WeightAverage | None = None
    """The average of the weights, where the recipe keeps one."""
    casts: WeightCasts | None = None
    """Casts the weights together, in a step that is captured."""

    def run(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step on x [B, C, H, W]; return the loss [] and the logits [B, classes].

        y is int64 [B], or the share of each class, [B, classes].
        """
        cast = self.casts.in_place() if self.casts else contextlib.nullcontext()
        with cast, autocast(self.device, self.dtype, cache=self.cast_cache):
            logits = self.forward(x)
        loss = F.cross_entropy(logits.float(), y, label_smoothing=self.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self.casts is not None:
            self.casts.collect()
        for parameter in self.parameters:
            # A branch that stochastic depth skipped still decays and coasts, as with its authors' zero gradients.
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update()
        return loss.detach(), logits.detach()


def wrong_predictions(logits: Tensor, y: Tensor) -> Tensor:
    """Return int64 [], how many of [B, classes] are wrong; of a mixed image the class of the larger share is right."""
    return (logits.argmax(1) != (y if y.ndim == 1 else y.argmax(1))).sum()
