"""What a network of effective blocks is at test: near its training error, saved too; unscaled is far off."""

import copy

import pytest
import torch

from resnet_lab.checkpoint import load_model, save_model
from resnet_lab.data.load import load
from resnet_lab.engine.evaluate import evaluate
from resnet_lab.engine.resume import async_state_writer, load_state
from resnet_lab.engine.session import Session
from resnet_lab.errors import RefusedError, UserError
from resnet_lab.interchange.exporting import export_checkpoint
from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.spec import EffectiveTest, RunSpec
from resnet_lab.spec.fields import replace

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
# 4 of 9 blocks, 44 %: the share of Veit et al. 2016, who draw 23 of 54.
PAPER_SHARE = replace(
    RunSpec(),
    {
        "data.name": "digits",
        "model.depth": 20,
        "recipe.effective_blocks": 4,
        "recipe.iterations": 99,
        "recipe.batch_size": 32,
        "recipe.augmentation": "none",
        "recipe.precision": "fp32",
        "recipe.warmup": "linear",
        "recipe.warmup_iterations": 30,
    },
)
SMALL = replace(
    PAPER_SHARE, {"model.width": 4, "data.train_images": 128, "recipe.iterations": 12, "recipe.warmup": "none"}
)


@pytest.fixture(scope="module")
def trained():
    """One training for all three: what a network is at test changes no step, which another test shows."""
    session = Session(PAPER_SHARE, load(PAPER_SHARE.data), CPU)
    while not session.done:
        record = session.run_epoch()
    return session, record


def error_of(trained, how):
    """Return the test error of the trained network under one of the values."""
    spec = replace(PAPER_SHARE, {"recipe.effective_test": how})
    session = Session(spec, trained[0].data, CPU)
    session.restore(trained[0].state())
    return session.test().error


def test_the_default_tests_near_its_training_error_and_unscaled_is_far_off(trained):
    _, record = trained
    errors = {how: error_of(trained, how) for how in EffectiveTest}
    assert PAPER_SHARE.recipe.effective_test == EffectiveTest.SCALED
    assert record.train_error < 20
    assert abs(errors[EffectiveTest.SCALED] - record.train_error) < 8
    assert abs(errors[EffectiveTest.RECALIBRATED] - record.train_error) < 8
    assert errors[EffectiveTest.UNSCALED] > 60
    assert abs(record.val_error - errors[EffectiveTest.SCALED]) < 5  # validation is of the same network


@pytest.mark.parametrize("how", EffectiveTest)
def test_a_saved_network_has_the_test_error_of_its_run(how, tmp_path):
    spec = replace(SMALL, {"recipe.effective_test": how})
    session = Session(spec, load(spec.data), CPU)
    while not session.done:
        session.run_epoch()
    test = session.test()
    save_model(tmp_path, spec, session.model)
    loaded = load_model(tmp_path)
    assert evaluate(loaded.model, session.data.test, session.data, session.dtype) == test
    assert {block.test_share for block in residual_blocks(loaded.model)} == {4 / 9 if how == "scaled" else 1.0}


def test_what_it_is_at_test_changes_no_step():
    weights = []
    for how in EffectiveTest:
        spec = replace(SMALL, {"recipe.effective_test": how})
        session = Session(spec, load(spec.data), CPU)
        while not session.done:
            session.run_epoch()
        weights.append([parameter.detach() for parameter in session.model.parameters()])
    for others in weights[1:]:
        assert all(torch.equal(one, other) for one, other in zip(weights[0], others, strict=True))


@pytest.mark.parametrize("how", EffectiveTest)
def test_a_resumed_run_is_equal_to_the_bit(how, tmp_path):
    spec = replace(SMALL, {"recipe.effective_test": how})
    whole, first = (Session(spec, load(spec.data), CPU) for _ in range(2))
    records = [whole.run_epoch() for _ in range(3)]
    first.run_epoch()
    with async_state_writer(tmp_path / "resume.pt") as writer:
        writer.save(first.state())
    resumed = Session(spec, load(spec.data), CPU)
    resumed.restore(load_state(tmp_path / "resume.pt"))
    for record in records[1:]:
        again = resumed.run_epoch()
        assert (again.train_loss, again.val_loss) == (record.train_loss, record.val_loss)
    assert resumed.test() == whole.test()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def test_scaled_branches_count_by_their_share_in_eval_mode_only():
    block = residual_blocks(Session(SMALL, load(SMALL.data), CPU).model)[1]
    x = torch.rand(2, 4, 8, 8)
    branch = copy.deepcopy(block).eval().branch(x)
    torch.testing.assert_close(block.eval().residual(x), branch * 4 / 9)
    torch.testing.assert_close(block.train().residual(x), copy.deepcopy(block).train().branch(x))


def test_scaled_branches_are_not_exported_to_code_that_would_run_them_unscaled(tmp_path):
    session = Session(SMALL, load(SMALL.data), CPU)
    save_model(tmp_path, SMALL, session.model)
    with pytest.raises(UserError, match="unscaled: export one trained with"):
        export_checkpoint(tmp_path, tmp_path / "out.safetensors")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"recipe.effective_test": "unscaled"}, "set effective_blocks above 0"),
        (
            {"recipe.effective_blocks": 2, "recipe.effective_test": "recalibrated", "model.block.norm": "group"},
            "set recipe.effective_test=scaled",
        ),
    ],
)
def test_a_value_that_says_nothing_is_refused(changes, says):
    with pytest.raises(RefusedError, match=says):
        replace(RunSpec(), changes)
