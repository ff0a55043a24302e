"""The captured engine: a whole training step over tensors that stay in place, recorded once and replayed.

Augmentation by index from the resident images, forward, loss, backward, update, learning rate and metrics are one
function without an argument, so that a CUDA graph can hold it. Between the start and the end of an epoch the host only
replays; nothing waits for the device.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_lab.data.augment import Draws, draw, make_batch
from resnet_lab.data.catalog import steps_per_epoch
from resnet_lab.data.images import ImageData
from resnet_lab.engine.graph_capture import GraphCapture, Work
from resnet_lab.engine.optimizers.make_optimizer import set_rate
from resnet_lab.engine.schedules import lr_at
from resnet_lab.engine.train_step import TrainStep, wrong_predictions
from resnet_lab.rng import draws_noise, epoch_noise
from resnet_lab.spec import Optimizer, ProtocolSpec, RecipeSpec, RunSpec
from resnet_lab.spec.choices import TrainMode

WARM_UP = 3  # steps, as torch recommends: they make the optimiser's state and let cuDNN and cuBLAS choose and allocate
# Optimisers of torch that count or scale on the host, so that a replay would repeat the numbers of the first step.
_ON_HOST = {
    Optimizer.MUON: "torch's Muon reads its rate on the host",
    Optimizer.ADAGRAD: "torch's Adagrad counts its steps on the host",
}

_CORRECT = ProtocolSpec()


def why_eager(recipe: RecipeSpec, *, host_noise: bool, protocol: ProtocolSpec = _CORRECT) -> str | None:
    """Return why a run's step cannot be captured, or None where it can."""
    if protocol.train_mode == TrainMode.FIRST_EPOCH:
        return "protocol.train_mode=first_epoch changes the step after its first epoch"
    if host_noise:
        return "stochastic depth draws on the host for each mini-batch"
    if recipe.effective_blocks:
        return "effective_blocks draws on the host for each mini-batch"
    return _ON_HOST.get(recipe.optimizer)


def rate_tensor(device: torch.device) -> Tensor:
    """Return the learning rate as a number on the device, []. torch's fused kernels for CUDA read it as float32."""
    return torch.zeros((), dtype=torch.float32 if device.type == "cuda" else torch.float64, device=device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffers:
    """What the step reads and writes, all on the device."""

    step: Tensor
    """int64 [1]: the step within the epoch."""
    lanes: Tensor
    """int64 [batch]: 0, 1, ..."""
    rates: Tensor
    """[steps of an epoch]: the learning rate of each."""
    rate: Tensor
    """[]: the rate of this step, which the optimiser holds."""
    loss: Tensor
    """float64 []: summed over the epoch."""
    wrong: Tensor
    """int64 [steps of an epoch]: wrong predictions in each."""


class CapturedRunner:
    """Trains epochs by replaying one recorded step."""

    def __init__(
        self, spec: RunSpec, data: ImageData, padded: Tensor, train_step: TrainStep, rate: Tensor, capture: GraphCapture
    ) -> None:
        self.spec, self.data, self.padded, self.train_step, self.capture = spec, data, padded, train_step, capture
        device, batch = train_step.device, spec.recipe.batch_size
        self.steps = steps_per_epoch(len(data.train), batch)
        self.buffers = Buffers(
            step=torch.zeros(1, dtype=torch.int64, device=device),
            lanes=torch.arange(batch, device=device),
            rates=torch.zeros(self.steps, dtype=rate.dtype, device=device),
            rate=rate,
            loss=torch.zeros((), dtype=torch.float64, device=device),
            wrong=torch.zeros(self.steps, dtype=torch.int64, device=device),
        )
        self._ahead = (0, self._draw(0))
        self.draws = self._ahead[1].to(device)
        self._noisy = draws_noise(train_step.model)
        self._replay: Work | None = None

    def run(self, *, epoch: int, iteration: int, count: int, rate: float) -> tuple[float, Tensor]:
        """Train `count` steps from the start of an epoch; return the summed loss and each step's wrong predictions.

        `iteration` is the first step's number in the run and `rate` the plateau's.
        """
        if self._replay is None:
            with self._noise(epoch), self.capture.stream_context():
                self._begin(epoch, iteration, rate)
                self._warm_up()
                self._replay = self.capture.record(self.work)
        with self._noise(epoch):
            with self.capture.stream_context():
                self._begin(epoch, iteration, rate)
                for _ in range(count):
                    self._replay()
                # The device has an epoch's work before it: what the host does now costs nothing.
                self._ahead = (epoch + 1, self._draw(epoch + 1))
            return float(self.buffers.loss), self.buffers.wrong[:count].cpu()

    def forget(self) -> None:
        """Record again at the next step: the optimiser's state lies elsewhere now."""
        self._replay = None

    def work(self) -> None:
        """One step, in full: the function that is recorded."""
        at = self.buffers
        part = self.draws.part(at.step * len(at.lanes) + at.lanes)
        x, y = make_batch(self.data, part, self.spec.recipe, self.padded, self.train_step.dtype)
        at.rate.copy_(at.rates.index_select(0, at.step).squeeze(0))
        set_rate(self.train_step.optimizer, at.rate)
        loss, logits = self.train_step.run(x, y)
        at.loss.add_(loss)
        at.wrong.index_copy_(0, at.step, wrong_predictions(logits, y).reshape(1))
        at.step.add_(1)

    def _begin(self, epoch: int, iteration: int, rate: float) -> None:
        ahead, draws = self._ahead
        self.draws.copy_(draws if ahead == epoch else self._draw(epoch))
        last = self.spec.recipe.iterations - 1  # an epoch cut short has no rates beyond
        rates = [lr_at(self.spec, min(iteration + step, last), rate) for step in range(self.steps)]
        self.buffers.rates.copy_(torch.tensor(rates, dtype=torch.float64))
        self._rewind()

    def _noise(self, epoch: int) -> AbstractContextManager[None]:
        """Return the epoch's noise; a network that draws none does without it, and is not serialised with others."""
        return epoch_noise(self.spec.seed, epoch, self.train_step.device) if self._noisy else contextlib.nullcontext()

    def _draw(self, epoch: int) -> Draws:
        data, spec = self.data, self.spec
        return draw(len(data.train), spec.recipe, seed=spec.seed, epoch=epoch, margin=data.margin)

    def _rewind(self) -> None:
        for tensor in (self.buffers.step, self.buffers.loss, self.buffers.wrong):
            tensor.zero_()

    @torch.no_grad()
    def _warm_up(self) -> None:
        """Take a few steps and undo them, where everything lies: no trace is left but allocated memory."""
        before = {id(tensor): (tensor, tensor.clone()) for tensor in self._trained()}
        for _ in range(WARM_UP):
            with torch.enable_grad():
                self.work()
            self.buffers.step.zero_()
        for tensor in self._trained():
            # What the optimiser made just now starts from zero in every optimiser captured here.
            saved = before.get(id(tensor))
            tensor.copy_(saved[1]) if saved else tensor.zero_()
        self._rewind()

    def _trained(self) -> Iterator[Tensor]:
        """Yield every tensor that a step changes, except the buffers."""
        yield from self.train_step.model.parameters()
        yield from self.train_step.model.buffers()
        if self.train_step.average is not None:
            yield from self.train_step.average.tensors()
        for state in self.train_step.optimizer.state.values():
            yield from (value for value in state.values() if isinstance(value, Tensor))
