"""The session: bit-equal resumption, exact records, and a test set that is read once."""

import json

import pytest
import torch

from resnet_lab.data.load import load
from resnet_lab.engine import train
from resnet_lab.engine.resume import async_state_writer, load_state
from resnet_lab.engine.schedules import Plateau
from resnet_lab.engine.session import DivergenceError, Session
from resnet_lab.spec import Augmentation, Init, NormaliseKind, Optimizer, RunSpec, Schedule
from resnet_lab.spec.fields import replace
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
RATES = {"sgd": 0.1, "nesterov": 0.1, "adadelta": 1.0, "adagrad": 0.01, "muon": 0.01}  # elsewhere 1e-3


def new_session(spec=TINY):
    return Session(spec, load(spec.data), CPU)


def weights(session):
    return {name: tensor.clone() for name, tensor in session.model.state_dict().items()}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


STOCHASTIC = {"model.block.drop_path": 0.5}
SWITCHES = [
    *({"recipe.optimizer": name, "recipe.lr": RATES.get(name, 1e-3)} for name in Optimizer),
    *({"recipe.schedule": name} for name in Schedule if name != "step"),
    {"recipe.schedule": "plateau", "recipe.plateau_patience": 0, "recipe.lr_decay": 0.5},
    *({"recipe.augmentation": name} for name in Augmentation if name != "crop_flip"),
    *({"recipe.init": name} for name in Init if name != "kaiming_fan_out"),
    {"recipe.label_smoothing": 0.1},
    *({"recipe.momentum_kind": "caffe", "recipe.optimizer": name} for name in ("sgd", "nesterov")),
    *(
        {"data.normalise": name} for name in NormaliseKind if name not in ("channel", "fixed")
    ),  # digits have no fixed ones
    {"recipe.select": "best_validation"},
    STOCHASTIC,
    STOCHASTIC | {"recipe.optimizer": "muon", "recipe.lr": 0.01},
    {"model.block.shortcut": "dropout"},
]


def named(switches):
    if isinstance(switches, str):
        return switches
    return ",".join(f"{name.rpartition('.')[2]}={value}" for name, value in switches.items())


@pytest.mark.parametrize(
    ("switches", "precision"),
    [(switches, "fp32") for switches in SWITCHES]
    + [(switches, "bf16") for switches in SWITCHES if "recipe.optimizer" in switches],
    ids=named,
)
def test_a_session_restored_at_an_epoch_is_bit_equal_to_one_never_interrupted(switches, precision, tmp_path):
    spec = replace(TINY, {**switches, "recipe.precision": precision})
    whole = new_session(spec)
    whole.run_epoch()
    with async_state_writer(tmp_path / "resume.pt") as writer:
        writer.save(whole.state())
    records = [whole.run_epoch() for _ in range(2)]
    resumed = new_session(spec)
    resumed.restore(load_state(tmp_path / "resume.pt"))
    again = [resumed.run_epoch() for _ in range(2)]
    assert_equal(weights(whole), weights(resumed))
    for first, second in zip(records, again, strict=True):
        assert (first.train_loss, first.val_error, first.iteration, first.lr) == (
            second.train_loss,
            second.val_error,
            second.iteration,
            second.lr,
        )


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param(switches, marks=() if {"recipe.optimizer", "recipe.init"} & switches.keys() else pytest.mark.slow)
        for switches in SWITCHES
    ],
    ids=named,
)
def test_two_epochs_of_the_digits_lower_the_loss(switches):
    spec = replace(TINY, {"data.train_images": 0, "recipe.iterations": 78} | switches)
    first_step = new_session(replace(spec, {"recipe.iterations": 1})).run_epoch()
    session = new_session(spec)
    session.run_epoch()
    assert session.run_epoch().train_loss < 0.97 * first_step.train_loss


def test_the_plateau_is_kept_and_older_states_have_none():
    changes = {"recipe.schedule": "plateau", "recipe.plateau_patience": 0, "recipe.lr_decay": 0.5, "recipe.lr": 1e-6}
    spec = replace(TINY, changes | {"recipe.lr_decay": 0.5})
    session = new_session(spec)
    rates = [session.run_epoch().lr for _ in range(3)]
    assert rates[:2] == [1e-6, 1e-6]  # the first epoch is always the best yet
    assert rates[2] == session.plateau.rate * 2 == 0.5e-6
    older = session.state()
    del older["plateau"]
    resumed = new_session(spec)
    resumed.restore(older)
    assert resumed.plateau == Plateau(rate=1e-6)


def test_labels_are_smoothed_in_training_alone():
    """At weights that do not move, the smoothed loss is the plain one and the mean over classes, mixed."""
    still = {"recipe.lr": 1e-30, "recipe.augmentation": "none", "recipe.precision": "fp32"}
    plain, smooth, uniform = (
        new_session(replace(TINY, {**still, "recipe.label_smoothing": share})).run_epoch() for share in (0.0, 0.3, 0.9)
    )
    spread = (uniform.train_loss - 0.1 * plain.train_loss) / 0.9
    assert smooth.train_loss == pytest.approx(0.7 * plain.train_loss + 0.3 * spread, rel=1e-5)
    assert abs(smooth.train_loss - plain.train_loss) > 1e-3
    assert smooth.val_loss == plain.val_loss


@pytest.mark.parametrize("switches", [STOCHASTIC, {"model.block.shortcut": "dropout"}], ids=named)
def test_noise_in_modules_is_a_function_of_seed_and_epoch_alone(switches):
    spec, runs = replace(TINY, switches), []
    for outer in (1, 2):
        torch.manual_seed(outer)
        state = torch.get_rng_state()
        session = new_session(spec)
        session.run_epoch()
        assert torch.equal(torch.get_rng_state(), state), "a user's random state is not ours to move"
        runs.append(weights(session))
    assert_equal(*runs)
    calm = new_session(TINY)
    calm.run_epoch()
    assert not torch.equal(runs[0]["fc.weight"], weights(calm)["fc.weight"])


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
    session = new_session(replace(TINY, {"recipe.iterations": 6}))  # 4 steps per epoch
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
        [session.run_epoch() for _ in range(3)]


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
        step = session.runner.step
        session.runner.step = lambda x, y, lr, step=step, batches=batches: (batches.append((x, y)), step(x, y, lr))[1]
        session.run_epoch()
        seen.append(batches)
    for (x, y), (u, v) in zip(*seen, strict=True):
        assert torch.equal(x, u)
        assert torch.equal(y, v)


def test_images_of_ones_own_are_trained_on_as_they_are_given_and_recorded_by_their_digest():
    from resnet_lab.spec import DataSpec

    images = load(DataSpec(name="digits")).train.pixels[:120, :, :, 0]
    given = {"images": images, "labels": torch.arange(120) % 3}
    spec = replace(TINY, {"recipe.iterations": 2, "recipe.batch_size": 16, "data.train_images": 0})
    result = train(spec, data=given, device="cpu")
    assert result.spec.data.contents.startswith("3 classes, 120+0+0 images of 8x8x1, ")
    assert result.test.images == 24
    assert result.test == train(spec, data=given, device="cpu").test
