"""`python -m resnet_lab.train`: a trial as a study trains it, what is refused, and what failed."""

import json
import shutil

import pytest

from resnet_lab.checkpoint import load_model
from resnet_lab.spec.fields import replace
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.tracking import read_runs
from resnet_lab.train.options import Options
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY


@pytest.mark.usefixtures("one_thread")
def test_a_run_is_the_trial_of_its_fingerprint_with_checkpoint_and_mlflow_run(trained, store_folder, tmp_path_factory):
    printed = trained(seed=3)
    spec = replace(TINY, {"seed": 3})
    assert printed["trial"] == trial_name(spec)
    trial = Trial(root=store_folder / "trials", spec=spec)
    alone = Trial(root=tmp_path_factory.mktemp("alone"), spec=spec)
    assert run_trial(alone, WorkerSettings(data_dir=None, device="cpu", environment={}))
    assert printed["sha256"] == trial.result()["sha256"] == alone.result()["sha256"]
    assert load_model(trial.folder).spec == spec
    (run,) = read_runs(store_folder, "train")
    assert (run["run_id"], run["status"], run["tags"]["trial"]) == (printed["run_id"], "FINISHED", trial.name)
    assert run["params"]["model.depth"] == "8"
    assert run["metrics"]["test/error"] == pytest.approx(printed["test/error"], abs=1e-3)
    assert int(run["params"]["model/parameters"]) > 1000


def test_a_trial_that_is_complete_is_not_trained_again_whoever_trained_it(trained, store_folder):
    """A study's trials lie in the same folder under the same names, and it has no record in this experiment."""
    trial = Trial(root=store_folder / "trials", spec=TINY)
    assert run_trial(trial, WorkerSettings(data_dir=None, device="cpu", environment={}))
    before = trial.result_file.stat().st_mtime_ns
    for _ in range(2):
        assert trained()["sha256"] == trial.result()["sha256"]
    assert trial.result_file.stat().st_mtime_ns == before
    assert [run["status"] for run in read_runs(store_folder, "train")] == ["FINISHED"]


def test_what_other_code_trained_is_said_and_trained_again_where_asked(train, trained, store_folder):
    first = trained()
    trial = Trial(root=store_folder / "trials", spec=TINY)
    environment = trial.environment()
    assert environment["code_sha256"]
    trial.environment_file.write_text(json.dumps(environment | {"code_sha256": "0" * 64}))
    assert "--fresh trains it by today's" in train()[1]
    assert "--fresh" not in train("--fresh")[1]
    assert trial.environment()["code_sha256"] == environment["code_sha256"]
    assert trial.result()["sha256"] == first["sha256"]


def test_epochs_stand_for_iterations(train):
    code, out, _ = train("--json", "--dry-run", "--epochs", "5")
    assert (code, out) == (2, "")
    code, out, _ = train("--json", "--dry-run")
    plan = json.loads(out)
    assert (code, plan["done"], plan["spec"]["recipe.iterations"], plan["device"]) == (0, False, 12, "cpu")
    assert plan["estimated_s"] >= 0
    assert plan["network"]["depth"] == 8


def test_a_diverged_run_says_so_and_is_not_tried_again(train, store_folder):
    code, out, _ = train(recipe__lr=1e30)
    assert code == 1
    assert "diverged" in out
    assert "diverged: the training loss is" in out
    assert [run["tags"]["reason"] for run in read_runs(store_folder, "train")] == ["diverged"]
    code, out, _ = train(recipe__lr=1e30)
    assert code == 1
    assert "diverged" in out
    assert len(read_runs(store_folder, "train")) == 1


@pytest.mark.parametrize(
    ("fields", "options", "words"),
    [
        ({"model__name": "vgg15_bn", "model__depth": 20, "model__width": 16}, (), "at least 32x32"),
        ({"model__name": "mnist_cnn", "model__depth": 20, "model__width": 16}, (), "28x28"),
        ({"model__name": "vgg15_b"}, (), "there is no network 'vgg15_b'. Perhaps you meant vgg15_bn"),
        ({"recipe__effective_blocks": 4}, (), "choose at most 3"),
        ({"recipe__batch_size": 129}, (), "more than all training images"),
        ({"recipe__lerning_rate": 1}, (), "there is no field"),
        ({"data__name": "mnist"}, ("--data-dir", "nowhere"), "nowhere"),
        ({}, ("--threads=0",), "1 or more"),
        ({}, ("--grace=nan",), "from 0 to 86400"),
        ({}, ("--epochs=2",), "give one of them"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(train, store_folder, fields, options, words):
    shutil.rmtree(store_folder)
    code, out, err = train(*options, **fields)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert words in err
    assert not store_folder.exists()


OWN = {"data__normalise": "channel"}
"""The digits have no constants that the field has fixed, which t2 asks for."""


def test_a_recipe_preset_is_trained_named_and_yields_to_what_is_asked_besides(train, trained, store_folder):
    changes = {"recipe__batch_size": 32, "recipe__iterations": 12, **OWN}
    plan = json.loads(train("--dry-run", "--json", "--recipe=t2", **changes)[1])
    assert plan["spec"]["recipe.momentum"] == 0.5
    assert plan["recipe"]["name"] == "t2"
    assert plan["recipe"]["changed"]["epochs"] == {"value": 10, "runs": [3.0]}
    assert train("--recipe=fast")[0] == 2
    printed = trained("--recipe=t2", recipe__lr=0.02, **OWN)
    assert printed["spec"]["recipe.init"] == "default"
    (run,) = read_runs(store_folder, "train")
    assert run["tags"]["recipe"].startswith("recipe t2: A CNN on MNIST")
    assert "recipe.lr 0.02 (the recipe's is 0.01)" in run["tags"]["recipe"]


def test_a_faulty_protocol_is_trained_only_where_it_is_accepted_and_marked_as_one(train, store_folder):
    code, _, err = train(protocol__validation="test")
    assert code == 2
    assert "protocol.validation=test is a fault of the protocol: leave it out, or give --accept-faults" in err
    assert not (store_folder / "trials").exists()
    code, out, _ = train("--accept-faults", "--dry-run", protocol__validation="test")
    assert (code, "FAULTY: validation=test" in out) == (0, True)
    code, out, _ = train("--accept-faults", protocol__validation="test")
    assert code == 0
    assert "faulty: validation=test" in out
    (run,) = read_runs(store_folder, "train")
    assert run["tags"]["protocol"] == "faulty: validation=test"


@pytest.mark.parametrize(("device", "threads"), [("cuda", 1), ("cpu", 3)])
def test_beside_a_gpu_a_worker_has_one_thread(device, threads):
    assert Options(threads=3).threads_on(device) == threads
