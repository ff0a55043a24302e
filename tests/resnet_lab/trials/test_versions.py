"""Versions of the code that trained trials: found in what they recorded, named in a line, set aside."""

import json

import pytest
from filelock import FileLock

from resnet_lab.spec.fields import replace
from resnet_lab.system.environment import training_code
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.versions import Versions, codes_of, set_aside
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

TODAY, OLD = "a" * 64, "b" * 64


@pytest.fixture
def make(tmp_path):
    """Make a trial's folder: by which code, and which of its files there are."""

    def trial(seed, code=TODAY, file="result.json", content="{}"):
        made = Trial(root=tmp_path / "trials", spec=replace(TINY, {"seed": seed}))
        made.folder.mkdir(parents=True)
        made.environment_file.write_text(json.dumps({"code_sha256": code} if code else {"git_sha": "ab"}))
        (made.folder / file).write_text(content)
        return made

    return trial


def waiting(tmp_path, seed):
    return Trial(root=tmp_path / "trials", spec=replace(TINY, {"seed": seed}))


def test_the_code_that_trains_has_a_digest():
    assert len(training_code()) == 64


def test_trials_of_one_version_are_no_mixture_whichever_it_is(make):
    assert Versions.of([make(0, OLD), make(1, OLD)], TODAY).line() == ""


def test_old_results_and_trials_still_to_run_would_mix(make, tmp_path):
    line = Versions.of([make(0, OLD), make(1, OLD), make(2, None), waiting(tmp_path, 3)], TODAY).line()
    assert line == (
        "versions: this study mixes versions of the code: 2 trials by bbbbbbbbbbbb, 1 by code that was not recorded; "
        "1 are still to be trained by today's; --fresh trains all by today's"
    )


def test_epochs_to_go_on_from_and_a_divergence_count_and_a_mishap_does_not(make):
    made = [
        make(0, OLD, "resume.pt"),
        make(1, OLD, "failure.json", '{"reason": "diverged"}'),
        make(2, OLD, "failure.json", '{"reason": "user error"}'),
    ]
    found = Versions.of(made, TODAY)
    assert dict(found.trained) == {OLD: 2}
    assert found.to_run == 3


def test_what_other_code_trained_is_set_aside_whole_and_the_rest_stays(make, tmp_path):
    old, own, unknown = make(0, OLD), make(1, TODAY), make(2, None)
    assert set_aside([old, own, unknown, waiting(tmp_path, 3)], tmp_path, TODAY) == [old, unknown]
    assert (tmp_path / "superseded" / f"{old.name}.1" / "result.json").exists()
    assert not old.result_file.exists()
    assert own.result_file.exists()
    make(0, OLD)
    assert set_aside([old], tmp_path, TODAY) == [old]
    assert (tmp_path / "superseded" / f"{old.name}.2").is_dir()


def test_a_trial_that_another_study_trains_now_stays(make, tmp_path):
    old = make(0, OLD)
    with FileLock(old.lock_file):
        assert set_aside([old], tmp_path, TODAY) == []
    assert old.result_file.exists()


def test_a_trial_says_all_code_that_trained_it():
    from resnet_lab.trials.versions import earlier_code

    def settings(code):
        return WorkerSettings(data_dir=None, device="cpu", environment={"code_sha256": code})

    first = {"code_sha256": OLD}
    assert earlier_code({}, settings(TODAY)) == {}
    assert earlier_code(first, settings(OLD)) == {}
    second = {"code_sha256": TODAY} | earlier_code(first, settings(TODAY))
    assert codes_of(second) == (OLD, TODAY)
    third = {"code_sha256": "c"} | earlier_code(second, settings("c"))
    assert codes_of(third) == (OLD, TODAY, "c")
    assert codes_of({"code_sha256": "c"} | earlier_code({"git_sha": "x"}, settings("c"))) == ("unrecorded", "c")
