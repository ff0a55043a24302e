"""The engine: bit-equal resumption, honest records, and a test set that cannot be picked by."""

import json

import pytest
import torch

from resnet_lab.data.load import load
from resnet_lab.engine import DivergenceError, Session, train
from resnet_lab.fields import replace
from resnet_lab.spec import Optimizer, RunSpec

CPU = torch.device("cpu")
TINY = replace(
    RunSpec(),
    {
        "model.depth": 8,
        "model.width": 4,
        "data.name": "digits",
        "data.train_images": 128,
        "recipe.batch_size": 32,
        "recipe.iterations": 12,
        "recipe.augmentation": "crop_flip",
        "recipe.crop_padding": 1,
    },
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def new_session(spec=TINY):
    return Session(spec, load(spec.data), CPU)


def weights(session):
    return {name: tensor.clone() for name, tensor in session.model.state_dict().items()}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


@pytest.mark.parametrize("optimizer", list(Optimizer))
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_session_restored_at_an_epoch_is_bit_equal_to_one_never_interrupted(optimizer, precision):
    lr = 0.1 if optimizer in ("sgd", "nesterov", "adadelta") else 1e-3
    spec = replace(TINY, {"recipe.optimizer": optimizer, "recipe.lr": lr, "recipe.precision": precision})
    whole = new_session(spec)
    records = [whole.run_epoch() for _ in range(3)]
    interrupted = new_session(spec)
    interrupted.run_epoch()
    resumed = new_session(spec)
    resumed.restore(interrupted.state())
    again = [resumed.run_epoch() for _ in range(2)]
    assert_equal(weights(whole), weights(resumed))
    for first, second in zip(records[1:], again, strict=True):
        assert (first.train_loss, first.val_error, first.iteration) == (
            second.train_loss,
            second.val_error,
            second.iteration,
        )


def test_runs_of_one_seed_are_equal_and_of_two_seeds_are_not():
    one, same, other = new_session(), new_session(), new_session(replace(TINY, {"seed": 1}))
    for session in (one, same, other):
        session.run_epoch()
    assert_equal(weights(one), weights(same))
    assert not torch.equal(one.model.fc.weight, other.model.fc.weight)


def test_global_random_state_has_no_say():
    one, other = new_session(), new_session()
    torch.manual_seed(1)
    one.run_epoch()
    torch.manual_seed(2)
    other.run_epoch()
    assert_equal(weights(one), weights(other))


def test_the_last_epoch_is_cut_at_the_number_of_iterations():
    session = new_session(replace(TINY, {"recipe.iterations": 6}))  # 4 steps an epoch
    assert session.run_epoch().iteration == 4
    assert session.run_epoch().iteration == 6
    assert session.done


def test_the_test_set_is_refused_before_the_last_epoch_and_counted_exactly_after_it():
    session = new_session(replace(TINY, {"recipe.iterations": 4}))
    with pytest.raises(RuntimeError, match="after the last epoch"):
        session.test()
    session.run_epoch()
    result = session.test()
    session.model.eval()
    with torch.inference_mode():
        pixels = session.data.test.pixels.permute(0, 3, 1, 2).float() / 255
        x = (pixels - session.data.mean[:, None, None]) / session.data.std[:, None, None]
        with torch.autocast("cpu", session.dtype, enabled=session.dtype != torch.float32):
            wrong = (session.model(x.to(session.dtype)).float().argmax(1) != session.data.test.labels).sum()
    assert result.images == 360
    assert abs(result.wrong - int(wrong)) <= 1  # rounding of the normalised pixels may move a tie
    assert result.error == 100 * result.wrong / 360


def test_evaluation_leaves_running_statistics_alone():
    session = new_session(replace(TINY, {"recipe.iterations": 4}))
    session.run_epoch()
    before = weights(session)
    session.test()
    assert_equal(before, weights(session))
    assert session.model.training


def test_a_loss_that_is_not_finite_ends_the_run():
    session = new_session(replace(TINY, {"recipe.lr": 1e30}))
    with pytest.raises(DivergenceError, match="the training loss is"):
        for _ in range(3):
            session.run_epoch()


def test_a_record_carries_metric_names_and_is_json():
    record = new_session().run_epoch().as_dict()
    assert {"epoch", "iteration", "train/loss", "val/error", "time/epoch_s", "train/lr"} <= record.keys()
    assert json.loads(json.dumps(record)) == record
    assert record["train/lr"] == 0.1


def test_train_learns_the_digits():
    spec = replace(
        RunSpec(),
        {
            "model.depth": 8,
            "data.name": "digits",
            "recipe.batch_size": 32,
            "recipe.iterations": 39 * 4,
            "recipe.augmentation": "none",
        },
    )
    seen = []
    result = train(spec, device="cpu", on_epoch=seen.append)
    assert [record.epoch for record in seen] == [1, 2, 3, 4] == [record.epoch for record in result.history]
    assert result.test.error < 10
    assert result.history[-1].train_loss < result.history[0].train_loss


def test_arms_see_the_same_images_in_the_same_order():
    one = new_session()
    other = new_session(replace(TINY, {"model.block.norm_position": "after_add"}))
    seen = []
    for session in (one, other):
        batches = []
        step = session._step
        session._step = lambda x, y, step=step, batches=batches: (batches.append((x, y)), step(x, y))[1]
        session.run_epoch()
        seen.append(batches)
    for (x, y), (u, v) in zip(*seen, strict=True):
        assert torch.equal(x, u)
        assert torch.equal(y, v)
