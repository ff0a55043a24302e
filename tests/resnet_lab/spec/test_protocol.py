"""Protocols: correct by default, faulty by name, refused where a fault would have no meaning."""

import pytest

from resnet_lab.errors import RefusedError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import field_types, flatten, from_json, replace, to_json
from resnet_lab.spec.fingerprint import fingerprint
from resnet_lab.spec.protocol import PREFIX, fault_words, faults_of, is_correct, normalise_of

MEANINGFUL = replace(
    RunSpec(),
    {
        "recipe.schedule": "plateau",
        "recipe.trained": "last_stage",
        "recipe.weights": "a.safetensors",
        "model.head": "hidden",
    },
)
"""A run in which every fault has a meaning."""
FAULTS = {
    "protocol.train_mode": "first_epoch",
    "protocol.test_view": "augmented",
    "protocol.frozen_mode": "train",
    "protocol.loss_mean": "steps_less_1",
    "protocol.reported": "best_test",
    "protocol.validation": "test",
    "protocol.loaded": 0.25,
    "protocol.head_classes": "1000",
    "protocol.plateau": "test",
    "protocol.schedule": "never_stepped",
    "protocol.normalisation": "forgotten",
    "protocol.seeding": "unpaired",
}


def test_a_default_protocol_is_correct_and_keeps_the_fingerprint_of_runs_from_before_there_was_one():
    assert fingerprint(RunSpec()) == "35db209b118a"
    assert faults_of(RunSpec()) == {}
    assert fault_words(RunSpec()) == ""
    before = {name: value for name, value in flatten(MEANINGFUL).items() if not name.startswith(PREFIX)}
    assert replace(RunSpec(), before) == MEANINGFUL


def test_the_faults_are_twelve():
    assert [name for name in field_types() if name.startswith(PREFIX)] == list(FAULTS)
    assert len(FAULTS) == 12


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_another_run_that_says_what_is_wrong_with_it(name):
    faulty = replace(MEANINGFUL, {name: FAULTS[name]})
    assert fingerprint(faulty) != fingerprint(MEANINGFUL)
    assert faults_of(faulty) == {name: FAULTS[name]}
    assert fault_words(faulty) == f"{name.removeprefix(PREFIX)}={FAULTS[name]}"
    assert not is_correct(name, FAULTS[name])
    assert is_correct(name, flatten(MEANINGFUL)[name])
    assert from_json(to_json(faulty)) == faulty


MEANINGLESS = [
    ("train_mode", {"recipe.trained": "head"}, "where a linear head alone is trained"),
    ("train_mode", {"model.block.norm": "layer"}, "without batch norms and dropouts"),
    ("test_view", {"recipe.augmentation": "none"}, "without augmentation"),
    ("frozen_mode", {}, "where recipe.trained=all: set recipe.trained=head"),
    ("frozen_mode", {"recipe.trained": "head_norms"}, "where recipe.trained=head_norms"),
    ("frozen_mode", {"recipe.trained": "head", "model.block.norm": "group"}, "without batch norms and dropouts"),
    ("loaded", {}, "where recipe.weights=none loads nothing"),
    ("head_classes", {"model.head": "none"}, "where model.head=none"),
    ("plateau", {}, "where recipe.schedule=step: set recipe.schedule=plateau"),
    ("plateau", {"recipe.schedule": "plateau", "protocol.validation": "test"}, "watch the test set already"),
    ("plateau", {"recipe.schedule": "plateau", "protocol.schedule": "never_stepped"}, "watches nothing"),
    ("schedule", {"recipe.schedule": "constant"}, "where recipe.schedule=constant"),
    ("normalisation", {"data.normalise": "none"}, "where data.normalise=none"),
]


@pytest.mark.parametrize(("name", "fields", "reason"), MEANINGLESS)
def test_a_fault_without_a_meaning_is_refused_in_a_sentence_with_the_remedy(name, fields, reason):
    fault = {f"{PREFIX}{name}": FAULTS[f"{PREFIX}{name}"]}
    with pytest.raises(RefusedError) as refused:
        replace(RunSpec(), fields | fault)
    assert reason in str(refused.value)
    assert str(refused.value).startswith(f"protocol.{name}=")
    assert ": set " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_forgotten_normalisation_leaves_images_as_they_are():
    assert normalise_of(RunSpec()) == "channel"
    assert normalise_of(replace(RunSpec(), {"protocol.normalisation": "forgotten"})) == "none"


def test_a_fault_that_asks_the_test_images_may_train_on_the_validation_images():
    """As one text trains: on all 60,000 images of MNIST, a plateau of the test error, the best test epoch."""
    theirs = {"data.name": "mnist", "data.trainval": True, "recipe.schedule": "plateau"}
    with pytest.raises(RefusedError, match="choose by their error"):
        replace(RunSpec(), theirs)
    faulty = replace(RunSpec(), theirs | {"protocol.plateau": "test", "protocol.reported": "best_test"})
    assert fault_words(faulty) == "reported=best_test, plateau=test"
