"""Digests of a run's start: those of what the engines really train on, the same in each of them."""

import pytest
import torch

from resnet_lab.data.augment import draw, first_batch, normalise
from resnet_lab.data.load import load
from resnet_lab.engine.graph_capture import NoCapture
from resnet_lab.engine.session import Session
from resnet_lab.engine.starting_point import starting_point
from resnet_lab.engine.train_step import TrainStep
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import replace
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
ENGINES = {"native": {}, "captured": {"capture": NoCapture()}, "torch": {"kernels": Kernels.TORCH}}


def session(changes=None, engine="native"):
    spec = replace(TINY, changes or {})
    return Session(spec, load(spec.data), CPU, **ENGINES[engine])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("augmentation", ["crop_flip", "cutout", "shift_rotate", "none"])
def test_the_first_batch_is_the_one_that_the_first_step_sees(engine, augmentation, monkeypatch):
    changes = {"recipe.augmentation": augmentation, "recipe.precision": "fp32"}
    made = session(changes, engine)
    expected = starting_point(session(changes))
    assert starting_point(made) == expected
    seen = []
    run = TrainStep.run
    monkeypatch.setattr(TrainStep, "run", lambda self, x, y: (seen.append((x.clone(), y.clone())), run(self, x, y))[1])
    made.run_epoch()
    spec, data = made.spec, made.data
    draws = draw(len(data.train), spec.recipe, seed=spec.seed, epoch=0)
    pixels, labels = first_batch(data, spec.recipe, draws, made.padded)
    assert torch.equal(seen[0][0], normalise(pixels, data.mean, data.std))
    assert torch.equal(seen[0][1], labels)


def test_arms_of_a_seed_share_all_but_what_they_change_and_other_seeds_nothing():
    base, other, seed = starting_point(session()), starting_point(session({"model.depth": 14})), {"seed": 1}
    assert (other.first_batch, other.order) == (base.first_batch, base.order)
    assert base.parameters.items() < other.parameters.items()
    again = starting_point(session(seed))
    assert base.first_batch != again.first_batch
    assert base.order != again.order
    assert base.parameters["stem.conv1.weight"] != again.parameters["stem.conv1.weight"]


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"recipe.batch_size": 16}, ["first_batch"]),
        ({"recipe.augmentation": "crop"}, ["first_batch"]),
        ({"recipe.mixup": 0.2}, ["first_batch"]),
        ({"data.train_images": 64}, ["first_batch", "order"]),
        ({"model.block.branch_init": "zero_last"}, ["parameters"]),
        ({"data.normalise": "none"}, ["first_batch"]),  # the border of crops
        ({"recipe.lr": 0.01, "recipe.precision": "bf16"}, []),
    ],
    ids=str,
)
def test_what_a_field_moves_and_what_it_leaves(changes, differs):
    base, other = starting_point(session()).as_dict(), starting_point(session(changes)).as_dict()
    assert [name for name in sorted(base) if base[name] != other[name]] == differs
