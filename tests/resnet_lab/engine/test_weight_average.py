"""The average of weights against a loop by hand, in every engine, through validation, test and resumption."""

import pytest
import torch

from resnet_lab.data.load import load
from resnet_lab.engine.evaluate import evaluate
from resnet_lab.engine.graph_capture import NoCapture
from resnet_lab.engine.session import Session
from resnet_lab.engine.train_step import TrainStep
from resnet_lab.engine.weight_average import WeightAverage
from resnet_lab.spec import RunSpec
from resnet_lab.spec.at_test import words_at_test
from resnet_lab.spec.fields import replace

CPU = torch.device("cpu")
DECAY = 0.8
SPEC = replace(
    RunSpec(),
    {
        "data.name": "digits",
        "data.train_images": 256,
        "model.depth": 8,
        "model.width": 8,
        "recipe.batch_size": 32,
        "recipe.iterations": 16,
        "recipe.augmentation": "none",
        "recipe.lr": 0.05,
        "recipe.ema": DECAY,
        "recipe.precision": "fp32",
    },
)
PLAIN = replace(SPEC, {"recipe.ema": 0.0})


def session(spec=SPEC, **options):
    return Session(spec, load(spec.data), CPU, **options)


def numbers(state):
    return {name: value.clone() for name, value in state.items() if value.is_floating_point()}


@pytest.fixture
def by_hand(monkeypatch):
    """The average of a run without one, from its weights after each step, in float64."""
    plain, states, run = session(PLAIN), [], TrainStep.run

    def recorded(self, x, y):
        found = run(self, x, y)
        states.append(numbers(plain.model.state_dict()))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(TrainStep, "run", recorded)
        while not plain.done:
            plain.run_epoch()
    average = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in states[0].items()}
    for step, state in enumerate(states, start=1):
        decay = min(1 - 1 / step, DECAY)
        average = {name: decay * value + (1 - decay) * state[name].double() for name, value in average.items()}
    return average


def assert_close(found, expected):
    for name, value in expected.items():
        torch.testing.assert_close(found[name].double(), value, atol=1e-6, rtol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("capture", [None, NoCapture()], ids=["eager", "captured"])
def test_the_kept_network_has_the_average_of_a_loop_by_hand(by_hand, capture):
    averaged = session(capture=capture)
    while not averaged.done:
        averaged.run_epoch()
    averaged.test()
    assert_close(averaged.model.state_dict(), by_hand)


def test_training_goes_on_with_the_weights_themselves():
    """Validation has the average in their place, and gives them back."""
    averaged, plain = session(), session(PLAIN)
    records = [(averaged.run_epoch(), plain.run_epoch()) for _ in range(2)]
    assert [one.train_loss for one, _ in records] == [other.train_loss for _, other in records]
    assert all(torch.equal(value, plain.model.state_dict()[n]) for n, value in averaged.model.state_dict().items())
    assert records[0][0].val_loss != records[0][1].val_loss
    with averaged.average.in_place():
        expected = evaluate(averaged.model, averaged.data.val, averaged.data, torch.float32)
    assert records[1][0].val_loss == pytest.approx(expected.loss, rel=1e-4)  # by the kernels, where there are some
    assert records[1][0].val_error == expected.error


def test_the_first_steps_are_a_plain_mean():
    model = torch.nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, 0.99)
    for number in (3.0, 5.0, 10.0):
        torch.nn.init.constant_(model.weight, number)
        average.update()
    average.keep()
    assert model.weight.item() == pytest.approx(6.0)


def test_a_restored_session_goes_on_to_the_same_bits():
    whole, first = session(), session()
    first.run_epoch()
    resumed = session()
    resumed.restore(first.state())
    for one in (whole, resumed):
        while not one.done:
            one.run_epoch()
    assert whole.test().loss == resumed.test().loss
    assert all(torch.equal(value, resumed.model.state_dict()[n]) for n, value in whole.model.state_dict().items())


def test_the_best_epoch_keeps_the_average_of_that_epoch():
    best = session(replace(SPEC, {"recipe.select": "best_validation"}))
    errors = [best.run_epoch().val_error for _ in range(2)]
    best.test()
    found = evaluate(best.model, best.data.val, best.data, torch.float32)
    assert found.error == min(errors)


def test_the_report_says_what_is_tested():
    assert words_at_test(SPEC) == "an exponential moving average of weights and batch-norm statistics, decay 0.8"
    both = words_at_test(replace(SPEC, {"model.block.drop_path": 0.5}))
    assert both.startswith("all blocks, each branch times its chance")
    assert both.endswith("; " + words_at_test(SPEC))
    assert words_at_test(PLAIN) is None
