"""Faults of a protocol: each does what its switch says, measured on a tiny run, and nothing else."""

import dataclasses

import pytest
import torch

from resnet_lab.checkpoint import load_model, save_model
from resnet_lab.data.load import load
from resnet_lab.engine import evaluate, session
from resnet_lab.engine.faults import evaluate_augmented, faulty_images, with_own_seed
from resnet_lab.engine.schedules import lr_at
from resnet_lab.engine.session import Session
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SPEC = replace(TINY, {"recipe.precision": "fp32"})


def begun(**fields: object) -> Session:
    changes = {name.replace("__", "."): value for name, value in fields.items()}
    spec = replace(SPEC, changes)
    return Session(spec, load(spec.data), CPU)


def trained(**fields: object) -> tuple[Session, list]:
    one = begun(**fields)
    records = []
    while not one.done:
        records.append(one.run_epoch())
    return one, records


def norms(one: Session) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in one.model.named_buffers() if name.endswith("running_mean")}


def weights(one: Session) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in one.model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_correct_protocol_changes_neither_images_nor_seed():
    data = load(SPEC.data)
    assert faulty_images(SPEC, data) is data
    assert with_own_seed(SPEC) is SPEC


def test_train_is_never_called_again_after_the_first_eval():
    one, correct = begun(protocol__train_mode="first_epoch"), begun()
    start = norms(one)
    first, _ = one.run_epoch(), correct.run_epoch()
    assert equal(norms(one), norms(correct))
    assert not equal(norms(one), start)
    after = norms(one)
    second, rightly = one.run_epoch(), correct.run_epoch()
    assert equal(norms(one), after)
    assert not equal(norms(correct), after)
    assert first.train_loss != second.train_loss != rightly.train_loss


def test_a_run_whose_train_mode_ended_goes_on_from_its_state():
    whole, broken = begun(protocol__train_mode="first_epoch"), begun(protocol__train_mode="first_epoch")
    whole.run_epoch(), broken.run_epoch()
    resumed = begun(protocol__train_mode="first_epoch")
    resumed.restore(broken.state())
    whole.run_epoch(), resumed.run_epoch()
    assert equal(weights(whole), weights(resumed))


def test_test_images_go_through_the_training_augmentation():
    one, correct = trained(protocol__test_view="augmented")[0], trained()[0]
    assert equal(weights(one), weights(correct))
    found, right = one.test(), correct.test()
    assert found.images == right.images
    assert found.loss != right.loss
    assert found == one.test() == one.test_now()  # drawn once for an epoch
    other = evaluate_augmented(one.network, one.data, one.spec, epoch=2, dtype=one.dtype)
    assert other.loss != found.loss
    still = replace(one.spec, {"recipe.augmentation": "crop", "recipe.crop_padding": 0})  # draws the original view
    assert evaluate_augmented(one.network, one.data, still, 1, one.dtype).wrong == right.wrong


def test_a_frozen_backbone_in_train_mode_drifts():
    one, correct = (
        begun(recipe__trained="last_stage", protocol__frozen_mode="train"),
        begun(recipe__trained="last_stage"),
    )
    start, kept = norms(one), weights(one)
    one.run_epoch(), correct.run_epoch()
    drifted = [name for name, value in norms(one).items() if not torch.equal(value, start[name])]
    still = [name for name, value in norms(correct).items() if torch.equal(value, start[name])]
    assert len(drifted) == len(start) > len(still) > 0
    frozen = [name for name, parameter in one.model.named_parameters() if not parameter.requires_grad]
    assert all(torch.equal(one.model.state_dict()[name], kept[name]) for name in frozen)


def test_features_that_drift_are_not_kept():
    head = {"recipe__trained": "head", "recipe__augmentation": "none"}
    assert begun(**head).features is not None
    assert begun(**head, protocol__frozen_mode="train").features is None


def test_the_mean_loss_is_divided_by_one_step_too_few():
    one, found = trained(protocol__loss_mean="steps_less_1")
    correct, right = trained()
    assert [each.train_loss for each in found] == pytest.approx([each.train_loss * 4 / 3 for each in right])
    assert equal(weights(one), weights(correct))
    assert one.test() == correct.test()


def test_the_best_test_epoch_is_reported(monkeypatch):
    """Its test errors are scripted: the second epoch is the best one, and no validation error is asked."""
    real, errors = evaluate.evaluate, iter([200, 100, 150, 100])

    def scripted(model, images, data, dtype):
        found = real(model, images, data, dtype)
        return dataclasses.replace(found, wrong=next(errors)) if images is data.test else found

    monkeypatch.setattr(session, "evaluate", scripted)
    one, states = begun(protocol__reported="best_test"), []
    while not one.done:
        one.run_epoch()
        states.append(weights(one))
    assert one.test().wrong == 100
    assert one.selected_epoch == 2
    assert equal(weights(one), states[1])


def test_validation_reads_the_test_images():
    one = begun(protocol__validation="test")
    record = one.run_epoch()
    assert one.data.val is one.data.test
    assert record.val_error == one.test_now().error


@pytest.mark.parametrize(("watches", "falls"), [("validation", False), ("test", True)])
def test_the_plateau_watches_the_test_set(monkeypatch, watches, falls):
    """The validation error falls from epoch to epoch, the test error stays."""
    real, errors = evaluate.evaluate, iter(range(90, 0, -5))

    def scripted(model, images, data, dtype):
        found = real(model, images, data, dtype)
        return dataclasses.replace(found, wrong=next(errors) if images is data.val else 100)

    monkeypatch.setattr(session, "evaluate", scripted)
    one, records = trained(recipe__schedule="plateau", recipe__plateau_patience=0, protocol__plateau=watches)
    assert (one.plateau.rate < one.spec.recipe.lr) is falls
    assert (records[-1].lr < records[0].lr) is falls


@pytest.mark.parametrize("schedule", ["step", "cosine", "one_cycle", "plateau"])
def test_a_schedule_that_is_never_stepped_stays_where_it_begins(schedule):
    spec = replace(SPEC, {"recipe.schedule": schedule, "protocol.schedule": "never_stepped"})
    correct = replace(spec, {"protocol.schedule": "stepped"})
    rates = {lr_at(spec, iteration, rate=0.001) for iteration in range(spec.recipe.iterations)}
    assert rates == {lr_at(correct, 0, rate=spec.recipe.lr)}
    assert lr_at(correct, spec.recipe.iterations - 1, rate=0.001) not in rates


def test_a_schedule_that_is_never_stepped_still_warms_up():
    warm = {"recipe.warmup": "linear", "recipe.warmup_iterations": 4}
    spec = replace(SPEC, {**warm, "protocol.schedule": "never_stepped"})
    assert [lr_at(spec, step) for step in (0, 2, 4, 11)] == pytest.approx([0.01, 0.055, 0.1, 0.1])


def test_normalisation_is_forgotten(tmp_path):
    one, correct = begun(protocol__normalisation="forgotten"), begun()
    assert (one.data.mean.tolist(), one.data.std.tolist()) == ([0], [1])
    assert correct.data.mean.item() > 0.1
    save_model(tmp_path, one.spec, one.model)
    prepared = load_model(tmp_path).prepare(load(SPEC.data))
    assert (prepared.mean.tolist(), prepared.std.tolist()) == ([0], [1])


@pytest.mark.parametrize("head", ["linear", "hidden"])
def test_the_head_has_a_thousand_classes(tmp_path, head):
    one = begun(protocol__head_classes="1000", model__head=head)
    record = one.run_epoch()
    with torch.no_grad():
        assert one.model(torch.zeros(2, 1, 8, 8)).shape == (2, 1000)
    assert record.train_loss > begun(model__head=head).run_epoch().train_loss
    save_model(tmp_path, one.spec, one.model)
    assert equal(load_model(tmp_path).model.state_dict(), weights(one))


def test_mixed_labels_fit_a_thousand_classes():
    begun(protocol__head_classes="1000", recipe__mixup=0.2).run_epoch()


def start(spec: RunSpec) -> torch.Tensor:
    return next(Session(spec, load(spec.data), CPU).model.parameters()).detach().clone()


def test_arms_without_a_seed_of_their_own_are_unpaired():
    arms = [replace(SPEC, {"protocol.seeding": "unpaired", "recipe.lr": rate}) for rate in (0.1, 0.2)]
    paired = [replace(SPEC, {"recipe.lr": rate}) for rate in (0.1, 0.2)]
    assert torch.equal(*map(start, paired))
    assert not torch.equal(*map(start, arms))
    assert torch.equal(start(arms[0]), start(arms[0]))  # the same run is the same draw
    assert with_own_seed(arms[0]).seed != with_own_seed(replace(arms[0], {"seed": 1})).seed
