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
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_lab.data.augment import Draws, draw, make_batch, scale_and_shift
from resnet_lab.data.catalog import steps_per_epoch
from resnet_lab.data.images import ImageData
from resnet_lab.engine.effective_blocks import EffectiveBlocks
from resnet_lab.engine.graph_capture import CaptureError, GraphCapture, Work
from resnet_lab.engine.optimizers.make_optimizer import set_rate, state_tensors
from resnet_lab.engine.replayed.block_decisions import BlockDecisions
from resnet_lab.engine.replayed.own_dropout import own_generator
from resnet_lab.engine.schedules import lr_at
from resnet_lab.engine.train_step import TrainStep, wrong_predictions
from resnet_lab.fused.network import FusedNetwork
from resnet_lab.rng import GLOBAL_RNG_LOCK, draws_from_dropout, epoch_noise, noise_seed
from resnet_lab.spec import RecipeSpec, RunSpec

WARM_UP = 3  # steps, as torch recommends: they make the optimiser's state and let cuDNN and cuBLAS choose and allocate


def why_eager(recipe: RecipeSpec, *, host_noise: bool) -> str | None:  # noqa: ARG001  # every recipe's step can be
    """Return why a run's step cannot be captured, or None where it can.

    `host_noise` says that a part of the network which is no residual block draws on the host for each mini-batch.
    """
    if host_noise:
        return "a part of the network draws on the host for each mini-batch"
    if torch.is_anomaly_enabled():
        return "torch's anomaly detection reads each gradient on the host"
    return None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDraws:
    """What is drawn on the host for an epoch."""

    images: Draws
    decisions: Tensor
    """float32 [steps, blocks]: see `BlockDecisions`."""


class CapturedRunner:
    """Trains epochs by replaying one recorded step, or, where it cannot be recorded, by calling it."""

    def __init__(
        self,
        spec: RunSpec,
        data: ImageData,
        padded: Tensor,
        train_step: TrainStep,
        rate: Tensor,
        capture: GraphCapture,
        *,
        effective: EffectiveBlocks | None = None,
        own_noise: bool = True,
    ) -> None:
        """`effective` draws the blocks of each step; with `own_noise` dropouts get a generator of this run's own."""
        self.spec, self.data, self.padded, self.train_step, self.capture = spec, data, padded, train_step, capture
        self.mode = "captured"
        model, device, batch = train_step.model, train_step.device, spec.recipe.batch_size
        self.steps = steps_per_epoch(len(data.train), batch)
        self.buffers = Buffers(
            step=torch.zeros(1, dtype=torch.int64, device=device),
            lanes=torch.arange(batch, device=device),
            rates=torch.zeros(self.steps, dtype=rate.dtype, device=device),
            rate=rate,
            loss=torch.zeros((), dtype=torch.float64, device=device),
            wrong=torch.zeros(self.steps, dtype=torch.int64, device=device),
        )
        self.decisions = BlockDecisions(model, effective, seed=spec.seed, steps=self.steps, device=device)
        self.generator = own_generator(model, device) if own_noise else None
        self._noisy = self.generator is None and draws_from_dropout(model)
        # Compiled kernels count batches themselves, by the counter's address.
        counted_here = train_step.forward is model or isinstance(train_step.forward, FusedNetwork)
        self._norms = [module for module in model.modules() if counted_here and isinstance(module, _BatchNorm)]
        self._scales = scale_and_shift(data) if data.mean.ndim == 1 else None
        self._ahead = (0, self._draw(0))
        self.draws = self._ahead[1].images.to(device)
        self._replay: Work | None = None

    def run(self, *, epoch: int, iteration: int, count: int, rate: float) -> tuple[float, Tensor]:
        """Train `count` steps from the start of an epoch; return the summed loss and each step's wrong predictions.

        `iteration` is the first step's number in the run and `rate` the plateau's.
        """
        if self._replay is None:
            with self._noise(epoch), self.capture.stream_context():
                self._replay = self._record(epoch, iteration, rate)
        with self._noise(epoch):
            with self.capture.stream_context():
                self._begin(epoch, iteration, rate)
                for _ in range(count):
                    self._replay()
                # The device has an epoch's work before it: what the host does now costs nothing.
                self._ahead = (epoch + 1, self._draw(epoch + 1))
                self._count_batches(count)
                _wait(self.train_step.device)
            return float(self.buffers.loss), self.buffers.wrong[:count].cpu()

    def forget(self) -> None:
        """Record again at the next step: the optimiser's state lies elsewhere now."""
        with GLOBAL_RNG_LOCK:  # a graph that dies changes what a capture in another thread reads (torch 2.11)
            self._replay = None

    def restart(self, spec: RunSpec) -> None:
        """Begin a run that differs in its seed alone; what was recorded stays. Weights are the caller's to put back."""
        self.spec = spec
        self.decisions.seed = spec.seed
        for tensor in state_tensors(self.train_step.optimizer):
            tensor.zero_()  # as the warm-up leaves it: every optimiser captured here starts from zero
        self._ahead = (0, self._draw(0))

    def work(self) -> None:
        """One step, in full: the function that is recorded."""
        at = self.buffers
        part = self.draws.part(at.step * len(at.lanes) + at.lanes)
        x, y = make_batch(self.data, part, self.spec.recipe, self.padded, self.train_step.dtype, self._scales)
        at.rate.copy_(at.rates.index_select(0, at.step).squeeze(0))
        set_rate(self.train_step.optimizer, at.rate)
        before = self.decisions.begin(at.step) if self.decisions else None
        with self._uncounted():
            loss, logits = self.train_step.run(x, y)
        self.decisions.end(before)
        at.loss.add_(loss)
        at.wrong.index_copy_(0, at.step, wrong_predictions(logits, y).reshape(1))
        at.step.add_(1)

    def _record(self, epoch: int, iteration: int, rate: float) -> Work:
        """Return what makes a step. No other thread captures or compiles meanwhile; replays of others go on."""
        with GLOBAL_RNG_LOCK:
            self._begin(epoch, iteration, rate)
            self._warm_up()
            try:
                replay = self.capture.record(self.work, self.generator)
            except CaptureError as error:
                self.mode = f"eager: the capture failed: {error}"
                for parameter in self.train_step.parameters:
                    parameter.grad = None
                self._rewind()
                return self.work
        self.mode = "captured"
        return replay

    def _begin(self, epoch: int, iteration: int, rate: float) -> None:
        ahead, drawn = self._ahead
        drawn = drawn if ahead == epoch else self._draw(epoch)
        self.draws.copy_(drawn.images)
        self.decisions.load(drawn.decisions)
        last = self.spec.recipe.iterations - 1  # an epoch cut short has no rates beyond
        rates = [lr_at(self.spec, min(iteration + step, last), rate) for step in range(self.steps)]
        self.buffers.rates.copy_(torch.tensor(rates, dtype=torch.float64))
        if self.generator is not None:
            self.generator.manual_seed(noise_seed(self.spec.seed, epoch))
        self._rewind()

    def _noise(self, epoch: int) -> AbstractContextManager[None]:
        """Return the epoch's noise for a network that draws from torch's own generator: such trials take turns."""
        return epoch_noise(self.spec.seed, epoch, self.train_step.device) if self._noisy else contextlib.nullcontext()

    def _draw(self, epoch: int) -> EpochDraws:
        data, spec = self.data, self.spec
        images = draw(len(data.train), spec.recipe, seed=spec.seed, epoch=epoch, margin=data.margin)
        return EpochDraws(images=images, decisions=self.decisions.draw(epoch))

    def _rewind(self) -> None:
        for tensor in (self.buffers.step, self.buffers.loss, self.buffers.wrong):
            tensor.zero_()

    @contextlib.contextmanager
    def _uncounted(self) -> Iterator[None]:
        """Keep norms from counting their batches, a launch each: with a fixed momentum nothing reads the counts."""
        counters = [(norm, norm.num_batches_tracked) for norm in self._norms if norm.momentum is not None]
        for norm, _ in counters:
            norm.num_batches_tracked = None
        try:
            yield
        finally:
            for norm, counter in counters:
                norm.num_batches_tracked = counter

    @torch.no_grad()
    def _count_batches(self, count: int) -> None:
        """Count the batches of an epoch that every norm in training has seen."""
        for norm in self._norms:
            if norm.training and norm.momentum is not None and norm.num_batches_tracked is not None:
                norm.num_batches_tracked += self.decisions.batches_seen(norm, count)

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
        yield from state_tensors(self.train_step.optimizer)


def _wait(device: torch.device) -> None:
    """Wait for the current stream of a GPU asleep: reading a number would spin, and burn a core for each trial."""
    if device.type == "cuda":
        done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # in no stub
        done.record()
        done.synchronize()
