"""Protocol of a run: how it is trained, validated and reported; correct by default, and each switch can make it faulty.

The faults are those of public tutorials and notebooks, one switch each, so that a study can say how many points one
costs, or flatters. Imports no torch.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from ablations.choices import Norm, Shortcut
from ablations.spec import FROZEN
from resnet_lab.spec.choices import (
    Augmentation,
    FrozenMode,
    Head,
    HeadClasses,
    LossMean,
    Normalisation,
    NormaliseKind,
    PlateauWatches,
    Reported,
    Schedule,
    Seeding,
    Stepping,
    Trained,
    TrainMode,
    Validation,
    Value,
    ViewAtTest,
)
from resnet_lab.spec.families import WITH_BLOCKS

if TYPE_CHECKING:
    from resnet_lab.spec.run_spec import RunSpec

PREFIX = "protocol."
IMAGENET_CLASSES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class ProtocolSpec:
    """What is correct by default in each field, and a fault in its other value."""

    train_mode: TrainMode = TrainMode.EVERY_EPOCH
    """Which epochs train in train mode; first_epoch: train() is never called again after the first eval(), so that from
    the second epoch on batch norms use and keep the statistics they have, and dropouts let all through."""
    test_view: ViewAtTest = ViewAtTest.ORIGINAL
    """What of a test image is tested; augmented: what the training augmentation draws."""
    frozen_mode: FrozenMode = FrozenMode.EVAL
    """Mode of what recipe.trained leaves frozen; train: its batch-norm statistics drift, its dropouts drop."""
    loss_mean: LossMean = LossMean.STEPS
    """What an epoch's summed training loss is divided by; steps_less_1: one step too few, as where the last index is
    taken for the number. Gradients are as ever."""
    reported: Reported = Reported.SELECTED
    """Which epoch is tested and kept: that of recipe.select; best_test: the one of least test error."""
    validation: Validation = Validation.HELD_OUT
    """What everything that validates reads: held-out images; test: the test images."""
    loaded: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the tensors of recipe.weights, in the network's order, that is loaded; the others stay as init drew them
    and nothing says so, as under torch's strict=False."""
    head_classes: HeadClasses = HeadClasses.OWN
    """Classes of the network's head: the images' own, or ImageNet's 1,000."""
    plateau: PlateauWatches = PlateauWatches.VALIDATION
    """Whose error schedule=plateau watches."""
    schedule: Stepping = Stepping.STEPPED
    """Whether the schedule is stepped; never_stepped: the rate stays at the schedule's first, after the warm-up."""
    normalisation: Normalisation = Normalisation.APPLIED
    """Whether images are normalised as data.normalise says; forgotten: they stay on the 0..1 scale."""
    seeding: Seeding = Seeding.PAIRED
    """What everything random is drawn from: the run's seed, the same in every arm; unpaired: a seed of the arm's own,
    as where no arm sets one."""


_CORRECT = ProtocolSpec()
_NAMES = tuple(ProtocolSpec.__dataclass_fields__)


def faults_of(run: "RunSpec") -> dict[str, Value]:
    """Return the fields of a run's protocol that are not correct, by dotted name; none in a correct one."""
    if run.protocol == _CORRECT:
        return {}
    values = {name: getattr(run.protocol, name) for name in _NAMES if getattr(run.protocol, name) != _correct(name)}
    return {PREFIX + name: value if isinstance(value, float) else value.value for name, value in values.items()}


def fault_words(run: "RunSpec") -> str:
    """Return the faults of a run's protocol as `validation=test, loaded=0.01`; empty where it is correct."""
    return ", ".join(f"{name.removeprefix(PREFIX)}={value}" for name, value in faults_of(run).items())


def is_correct(name: str, value: Value) -> bool:
    """Return whether a field, by its dotted name, is one of the protocol with its correct value."""
    return name.startswith(PREFIX) and value == _correct(name.removeprefix(PREFIX))


def normalise_of(run: "RunSpec") -> NormaliseKind:
    """Return how a run's images are normalised in fact."""
    forgotten = run.protocol.normalisation == Normalisation.FORGOTTEN
    return NormaliseKind.NONE if forgotten else run.data.normalise


def check_protocol(run: "RunSpec") -> None:
    """Raise ValueError, in one sentence with the remedy, where a fault would have no meaning in this run."""
    if run.protocol == _CORRECT:
        return
    for name, (reason, remedy) in _meaningless(run).items():
        value = getattr(run.protocol, name)
        if value != _correct(name):
            raise ValueError(f"protocol.{name}={value} has no meaning {reason}: {remedy}")


def _meaningless(run: "RunSpec") -> dict[str, tuple[str, str]]:
    """Return, by field, why its fault has no meaning in this run, and what would give it one."""
    recipe, protocol = run.recipe, run.protocol
    norms = "set model.block.norm=batch, or add a dropout"
    found: dict[str, tuple[str, str]] = {}
    if recipe.augmentation == Augmentation.NONE:
        found["test_view"] = ("without augmentation", "set recipe.augmentation=crop_flip, or another")
    if recipe.trained == Trained.HEAD and run.model.head == Head.LINEAR:
        found["train_mode"] = ("where a linear head alone is trained, which knows no mode", "set recipe.trained=all")
    if recipe.trained in (Trained.ALL, Trained.HEAD_NORMS):
        found["frozen_mode"] = (f"where recipe.trained={recipe.trained}", "set recipe.trained=head or last_stage")
    if not _knows_modes(run):
        reason = (f"in a {run.model.name} without batch norms and dropouts, which computes alike in both modes", norms)
        found |= {"train_mode": reason, "frozen_mode": reason}
    if recipe.weights == "none":
        found["loaded"] = ("where recipe.weights=none loads nothing", "set recipe.weights to a checkpoint")
    if run.model.head == Head.NONE:
        found["head_classes"] = ("where model.head=none", "set model.head=linear")
    if recipe.schedule == Schedule.CONSTANT:
        found["schedule"] = ("where recipe.schedule=constant", "set recipe.schedule=step, or another")
    if run.data.normalise == NormaliseKind.NONE:
        found["normalisation"] = ("where data.normalise=none", "set data.normalise=channel")
    return found | _meaningless_plateau(run, protocol)


def _meaningless_plateau(run: "RunSpec", protocol: ProtocolSpec) -> dict[str, tuple[str, str]]:
    if run.recipe.schedule != Schedule.PLATEAU:
        return {"plateau": (f"where recipe.schedule={run.recipe.schedule}", "set recipe.schedule=plateau")}
    if protocol.validation == Validation.TEST:
        return {"plateau": ("where protocol.validation=test has it watch the test set already", "set one of the two")}
    if protocol.schedule == Stepping.NEVER_STEPPED:
        return {"plateau": ("where protocol.schedule=never_stepped watches nothing", "set one of the two")}
    return {}


def _knows_modes(run: "RunSpec") -> bool:
    """Whether a network computes otherwise in train mode than in eval mode."""
    block = run.model.block
    drops = (
        block.drop_path or block.branch_dropout or block.shortcut == Shortcut.DROPOUT or run.model.head == Head.HIDDEN
    )
    return run.model.name not in WITH_BLOCKS or block.norm == Norm.BATCH or bool(drops)


def _correct(name: str) -> Value:
    correct: Value = getattr(_CORRECT, name)
    return correct
