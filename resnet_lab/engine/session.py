"""The training engine: one run, epoch by epoch, from resident data.

Everything random is a function of (seed, epoch), so a session restored at an epoch continues bit-equal on a CPU.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from resnet_lab.data.augment import bordered, padding_of
from resnet_lab.data.catalog import steps_per_epoch
from resnet_lab.data.images import ImageData, Images
from resnet_lab.data.load import load, take_arrays
from resnet_lab.engine.captured import CapturedRunner
from resnet_lab.engine.effective_blocks import EffectiveBlocks
from resnet_lab.engine.epoch_runner import ComputeSettings, make_epoch_runner
from resnet_lab.engine.evaluate import Evaluation, evaluate
from resnet_lab.engine.faults import evaluate_augmented, faulty_images, with_own_seed
from resnet_lab.engine.frozen.features import FrozenFeatures, are_frozen
from resnet_lab.engine.frozen.parts import freeze
from resnet_lab.engine.graph_capture import GraphCapture
from resnet_lab.engine.initialise import initialise
from resnet_lab.engine.kernel_choice import Sample, choose_kernels
from resnet_lab.engine.norm_statistics import estimate_on_images
from resnet_lab.engine.optimizers.make_optimizer import restore_optimizer
from resnet_lab.engine.precision import resolve_device, use_precision
from resnet_lab.engine.schedules import Plateau, lr_at
from resnet_lab.engine.weight_average import WeightAverage
from resnet_lab.interchange.weights import NONE
from resnet_lab.metrics import EpochRecord
from resnet_lab.native import NativeNetwork
from resnet_lab.networks.at_test import scale_for_test
from resnet_lab.networks.heads import head_of
from resnet_lab.networks.seeded_build import build_from_seed
from resnet_lab.spec import EffectiveTest, RunSpec, Schedule, Select
from resnet_lab.spec.choices import FrozenMode, Kernels, LossMean, PlateauWatches, Reported, TrainMode, ViewAtTest

if TYPE_CHECKING:
    from resnet_lab.interchange.coverage import Coverage


class DivergenceError(ArithmeticError):
    """The training loss stopped being a finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The epoch of least validation error so far, the first of equal ones, with the network's state after it.

    Under the fault protocol.reported=best_test it is the epoch of least test error.
    """

    epoch: int
    error: float
    weights: dict[str, torch.Tensor]

    def as_dict(self) -> dict[str, Any]:
        """Return what `Best` is made of."""
        return {"epoch": self.epoch, "error": self.error, "weights": self.weights}


def _copied(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.clone(memory_format=torch.preserve_format) for name, tensor in state.items()}


class Session:
    """A network in training: `run_epoch` until `done`, then `test` once."""

    def __init__(
        self,
        spec: RunSpec,
        data: ImageData,
        device: torch.device,
        *,
        capture: GraphCapture | None = None,
        compiled: bool = False,
        kernels: Kernels = Kernels.AUTO,
    ) -> None:
        """Build the network and the runner that trains it.

        On a GPU the step is captured where it can be; `capture` asks for that on any device. `compiled` trains
        through torch.compile; `kernels`: see `resnet_lab.engine.kernel_choice`.
        """
        spec, data = with_own_seed(spec), faulty_images(spec, data)
        self.spec, self.data, self.device = spec, data, device
        self.dtype = use_precision(spec.recipe.precision, device)
        self.model, self.coverage = self._initial_network()
        self.frozen = freeze(self.model, spec)
        self.model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # in no stub
        count = spec.recipe.effective_blocks
        self.effective = EffectiveBlocks(self.model, count) if count else None
        scale_for_test(self.model, spec.recipe)
        if compiled:
            self.network, self.kernels = self.model, "torch: torch.compile was asked for"
        elif self.frozen:
            self.network, self.kernels = self.model, "torch: a part of the network is frozen"
        else:
            shape = (spec.recipe.batch_size, data.channels, data.size, data.size)
            sample = Sample(shape=shape, dtype=self.dtype, device=device)
            self.network, self.kernels = choose_kernels(self.model, sample, kernels, varies=bool(count))
        self.padded = bordered(data, padding_of(spec.recipe, data.margin))
        forward = torch.compile(self.model) if compiled else self.network
        self.features = self._frozen_features()
        settings = ComputeSettings(
            device=device,
            dtype=self.dtype,
            forward=forward,
            effective=self.effective,
            capture=capture,
            features=self.features,
            compiled=compiled,
        )
        self.average = WeightAverage(self.model, spec.recipe.ema) if spec.recipe.ema else None
        self.runner, self.optimizer = make_epoch_runner(spec, data, self.padded, self.model, settings, self.average)
        self._trains_norms = True
        self._begin()

    def _initial_network(self) -> "tuple[nn.Module, Coverage | None]":
        """Return the network that the run begins with, on the CPU, and what of it comes from weights it loads."""
        spec = self.spec
        shape = {"channels": self.data.channels, "classes": self.data.classes, "size": self.data.size}
        model = build_from_seed(spec, **shape, alone=self.device.type != "cuda")
        initialise(model, spec.seed, spec.recipe.init)
        return model, _load_weights(model, spec)

    def can_become(self, spec: RunSpec, data: ImageData) -> bool:
        """Whether `restart` can take the place of a new session of this run: the same but for its seed, and captured.

        A part that is frozen, or images that a faulty protocol changes, ask for a new one.
        """
        own = replace(with_own_seed(spec), seed=self.spec.seed)
        alike = own == self.spec and faulty_images(spec, data) is self.data
        return alike and isinstance(self.runner, CapturedRunner) and self.mode == "captured" and not self.frozen

    def restart(self, spec: RunSpec) -> None:
        """Begin a run that this session `can_become`: all is as in a new session, and what was captured stays.

        Weights, momenta and statistics are written to where they lie: a graph and compiled kernels know the addresses.
        """
        if not isinstance(self.runner, CapturedRunner):
            raise TypeError("only a captured session is restarted")
        self.spec = with_own_seed(spec)
        fresh, self.coverage = self._initial_network()
        self.model.load_state_dict(fresh.state_dict())
        if self.average is not None:
            self.average.restart()
        self.runner.restart(self.spec)
        self._begin()

    def close(self) -> None:
        """Let go of what was captured, once the device has come to its end."""
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()
        self.runner.forget()

    def _begin(self) -> None:
        self.plateau = Plateau(rate=self.spec.recipe.lr)
        self.best: Best | None = None
        self.wrong_by_batch = torch.zeros(0, dtype=torch.int64)
        """Wrong predictions of each mini-batch of the last epoch, before the step that it made: int64 [steps]."""
        self.epoch = self.iteration = 0

    def _frozen_features(self) -> FrozenFeatures | None:
        """Return the features that a head alone is trained on, where every epoch sees the same images."""
        if not are_frozen(self.spec):
            return None
        _, head = head_of(self.model, self.spec.model.head)
        return FrozenFeatures(self.model, head, self.data, self.dtype)

    @property
    def mode(self) -> str:
        """How steps are made: captured, eager, or `eager: ` and why; it may change with the first of them."""
        return self.runner.mode

    @property
    def compiler(self) -> str | None:
        """What compiled the kernels, with its version; None where torch computes."""
        return self.network.compiler if isinstance(self.network, NativeNetwork) else None

    @property
    def selected_epoch(self) -> int:
        """The epoch, from 1, whose weights are tested and kept; before any, 0."""
        return self.epoch if self.best is None else self.best.epoch

    @property
    def done(self) -> bool:
        """Whether all iterations of the recipe have been made."""
        return self.iteration >= self.spec.recipe.iterations

    def run_epoch(self) -> EpochRecord:
        """Train one epoch (the last may be cut short by `recipe.iterations`) and validate. Raises DivergenceError."""
        start, first, rate = time.perf_counter(), self.iteration, self.plateau.rate
        loss, self.wrong_by_batch = self._train_until(self.spec.recipe.iterations)
        seconds = time.perf_counter() - start
        seen = (self.iteration - first) * self.spec.recipe.batch_size
        if not math.isfinite(loss):
            raise DivergenceError(
                f"the training loss is {loss} in epoch {self.epoch + 1}: lower recipe.lr ({self.spec.recipe.lr:g})"
            )
        self.epoch += 1
        with self.average.in_place() if self.average else contextlib.nullcontext():
            val, looked_at = self._validate()
        if self.spec.recipe.schedule == Schedule.PLATEAU:
            watched = looked_at if self.spec.protocol.plateau == PlateauWatches.TEST else val
            self.plateau = self.plateau.after(watched.error, self.spec.recipe)
        return EpochRecord(
            epoch=self.epoch,
            iteration=self.iteration,
            lr=lr_at(self.spec, self.iteration - 1, rate),
            train_loss=self._mean_loss(loss, self.iteration - first),
            train_error=100 * int(self.wrong_by_batch.sum()) / seen,
            val_loss=val.loss,
            val_error=val.error,
            epoch_s=seconds,
            images_per_s=seen / seconds,
        )

    def _mean_loss(self, loss: float, steps: int) -> float:
        """Return the mean of a loss summed over steps; a fault divides an epoch's by one step too few."""
        mean = loss / steps
        if self.spec.protocol.loss_mean == LossMean.STEPS:
            return mean
        whole = steps_per_epoch(len(self.data.train), self.spec.recipe.batch_size)
        return mean * whole / (whole - 1)

    def _validate(self) -> tuple[Evaluation, Evaluation]:
        """Evaluate the network as it would be tested now, and keep it where it is the best so far and asked for.

        Returns what validation images say, and what a faulty protocol looks at: the test images where it does, else
        the same.
        """
        recipe, protocol = self.spec.recipe, self.spec.protocol
        self._prepare_for_test()
        val = self._evaluate(self.data.val)
        by_test = protocol.reported == Reported.BEST_TEST
        peeks = by_test or protocol.plateau == PlateauWatches.TEST
        looked_at = self._evaluate_test(self.epoch) if peeks else val
        error = looked_at.error if by_test else val.error
        kept = by_test or recipe.select == Select.BEST_VALIDATION
        if kept and (self.best is None or error < self.best.error):
            self.best = Best(epoch=self.epoch, error=error, weights=_copied(self.model.state_dict()))
        return val, looked_at

    def run_steps(self, steps: int) -> None:
        """Train at most `steps` steps of the epoch, for timing: nothing is recorded or validated."""
        self._train_until(self.iteration + steps)

    def _train_until(self, stop: int) -> tuple[float, torch.Tensor]:
        """Train to the end of the epoch or to iteration `stop`; return the summed loss, and each step's wrong ones."""
        count = min(stop - self.iteration, steps_per_epoch(len(self.data.train), self.spec.recipe.batch_size))
        self._set_modes()
        sums = self.runner.run(epoch=self.epoch, iteration=self.iteration, count=count, rate=self.plateau.rate)
        self.iteration += count
        return sums

    def _set_modes(self) -> None:
        """Put the network into train mode and what is frozen into eval mode, as far as the protocol is correct."""
        protocol, before = self.spec.protocol, self._trains_norms
        self._trains_norms = protocol.train_mode == TrainMode.EVERY_EPOCH or self.epoch == 0
        self.network.train(self._trains_norms)
        if self._trains_norms != before:
            self.runner.forget()  # a step that was captured is of the other mode
        if protocol.frozen_mode == FrozenMode.EVAL:
            for module in self.frozen:
                module.eval()

    def test(self) -> Evaluation:
        """Evaluate on the test set: once, after the last epoch, so that nothing can be picked by it.

        Under select=best_validation the network gets the weights of that epoch back, else under an average of weights
        that average, and keeps them.
        """
        if not self.done:
            raise RuntimeError("the test set is read after the last epoch only")
        if self.best is not None:
            self.model.load_state_dict(self.best.weights)
        elif self.average is not None:
            self.average.keep()
        self._prepare_for_test()
        return self._evaluate_test(self.selected_epoch)

    def _evaluate_test(self, epoch: int) -> Evaluation:
        """Evaluate on the test images, or on what a faulty protocol makes of them after an epoch."""
        if self.spec.protocol.test_view == ViewAtTest.AUGMENTED:
            return evaluate_augmented(self.network, self.data, self.spec, epoch, self.dtype)
        return self._evaluate(self.data.test)

    def _evaluate(self, images: Images) -> Evaluation:
        if self.features is not None:
            return self.features.evaluate(images)
        return evaluate(self.network, images, self.data, self.dtype)

    def test_now(self) -> Evaluation:
        """Evaluate the network of this epoch on the test set, for a curve that nothing is chosen by."""
        with self.average.in_place() if self.average else contextlib.nullcontext():
            self._prepare_for_test()
            return self._evaluate_test(self.epoch)

    def _prepare_for_test(self) -> None:
        """Estimate batch-norm statistics with every block, where the recipe says so.

        Training reads no running statistics, so that a run goes on as if they had not been touched.
        """
        recipe = self.spec.recipe
        if recipe.effective_blocks and recipe.effective_test == EffectiveTest.RECALIBRATED:
            estimate_on_images(self.model, self.data, batch=recipe.batch_size, dtype=self.dtype)

    def state(self) -> dict[str, Any]:
        """Return all that a later session needs to continue, as tensors and numbers only."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "plateau": asdict(self.plateau),
            **({} if self.best is None else {"best": self.best.as_dict()}),
            **({} if self.average is None else {"average": self.average.state()}),
            "epoch": self.epoch,
            "iteration": self.iteration,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state()`. States written before there were plateaus hold none."""
        self.model.load_state_dict(state["model"])
        restore_optimizer(self.optimizer, state["optimizer"])
        self.runner.forget()
        self.plateau = Plateau(**state.get("plateau", asdict(self.plateau)))
        self.best = Best(**state["best"]) if "best" in state else None
        if self.average is not None:
            self.average.restore(state["average"])
        self.epoch, self.iteration = state["epoch"], state["iteration"]


def _load_weights(model: nn.Module, spec: RunSpec) -> "Coverage | None":
    """Fill the backbone where the spec names weights; what reads files is imported only then."""
    if spec.recipe.weights == NONE:
        return None
    from resnet_lab.interchange.pretrained import load_backbone

    return load_backbone(model, spec.model, spec.recipe.weights, spec.protocol.loaded)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    model: nn.Module
    history: tuple[EpochRecord, ...]
    test: Evaluation
    spec: RunSpec
    """The run, with the digest of its own images in `spec.data.contents`, where it was given some."""


def train(
    spec: RunSpec,
    *,
    data: object = None,
    data_dir: Path | None = None,
    device: str = "auto",
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> TrainResult:
    """Train one run in this process and evaluate it once on the test set.

    `data`, in place of `spec.data.name`: a dict of arrays (`x_train`, `y_train`, `x_test`, `y_test`, or `images` and
    `labels`; uint8 [N, H, H] or [N, H, H, C], labels from 0), a torch Dataset, or a tuple (train, test) or (train, val,
    test) of Datasets or of (images, labels). Parts that are missing are split off, as `spec.data` says.
    Raises UserError for missing data or a missing device, and DivergenceError for a loss that is not finite.
    """
    where = resolve_device(device)
    if data is None:
        images = load(spec.data, data_dir, where)
    else:
        resolved, images = take_arrays(spec.data, data)
        spec, images = replace(spec, data=resolved), images.to(where)
    session = Session(spec, images, where)
    history = []
    while not session.done:
        history.append(session.run_epoch())
        if on_epoch is not None:
            on_epoch(history[-1])
    return TrainResult(model=session.model, history=tuple(history), test=session.test(), spec=spec)
