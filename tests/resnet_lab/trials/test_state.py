"""State of a trial on its way: its own, with its history; else the one before it, else none."""

import json
import shutil
from dataclasses import replace as replace_data
from types import SimpleNamespace

import pytest
import torch

from resnet_lab.data.load import load
from resnet_lab.engine.resume import async_state_writer, earlier
from resnet_lab.engine.session import Session
from resnet_lab.spec.fields import replace
from resnet_lab.trials.notices import Kind, read_notices
from resnet_lab.trials.state import Progress, note_engine, resume
from resnet_lab.trials.trial import Trial
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data():
    return load(TINY.data)


@pytest.fixture
def made(tmp_path, data):
    """A trial's folder after two epochs, the maker of its sessions, and its history."""
    return after_two_epochs(Trial(root=tmp_path, spec=TINY), data)


def after_two_epochs(trial, data):
    trial.folder.mkdir(parents=True)
    make = lambda: Session(trial.spec, data, torch.device("cpu"))  # noqa: E731  # as run_trial does
    session, progress = make(), Progress()
    with async_state_writer(trial.state_file) as writer:
        for _ in range(2):
            progress.history.append(session.run_epoch().as_dict())
            writer.save(progress.state(trial, session))
    return trial, make, progress.history


def test_a_state_has_its_history_whatever_became_of_the_file(made):
    trial, make, history = made
    session, progress = resume(trial, make)
    assert (session.epoch, progress.history) == (2, history)
    assert trial.notices() == ()


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "a folder"])
def test_a_damaged_state_is_set_aside_and_the_one_before_it_taken(made, damage):
    trial, make, history = made
    raw = bytearray(trial.state_file.read_bytes())
    if damage == "flipped":
        raw[len(raw) // 2] ^= 4
    if damage == "a folder":
        trial.state_file.unlink()
        trial.state_file.mkdir()
    else:
        trial.state_file.write_bytes({"flipped": bytes(raw), "cut": bytes(raw[:-7]), "empty": b""}[damage])
    session, progress = resume(trial, make)
    assert (session.epoch, progress.history) == (1, history[:1])
    (notice,) = trial.notices()
    assert (notice.kind, notice.file) == (Kind.REPAIRED, "resume.pt")
    assert (trial.folder / "resume.pt.damaged").exists()


def test_where_both_are_damaged_the_trial_starts_again(made):
    trial, make, _ = made
    for path in (trial.state_file, earlier(trial.state_file)):
        path.write_bytes(b"")
    session, progress = resume(trial, make)
    assert (session.epoch, progress.history) == (0, [])
    assert [notice.file for notice in trial.notices()] == ["resume.pt", "resume.pt.1"]


def test_a_state_of_another_seed_or_network_is_refused(made, tmp_path, data):
    trial, make, _ = made
    for changes in ({"seed": 1}, {"model.width": 6}):
        other, *_ = after_two_epochs(Trial(root=tmp_path / "other", spec=replace(TINY, changes)), data)
        shutil.copy(other.state_file, trial.state_file)
        assert resume(trial, make)[0].epoch == 1
        assert f"is of another trial, {other.name}" in trial.notices()[-1].text


def test_a_state_of_an_earlier_version_needs_its_whole_history(made):
    trial, make, history = made
    state = make().state() | {"epoch": 2, "iteration": 8}
    for lines, epochs in ((history, 2), (history[:1], 0)):
        with async_state_writer(trial.state_file) as writer:
            writer.save(state)
        earlier(trial.state_file).unlink(missing_ok=True)
        trial.history_file.write_text("".join(f"{line}\n".replace("'", '"') for line in lines))
        assert resume(trial, make)[0].epoch == epochs
    assert trial.notices()[-1].text.count("is after 2 epochs, and 1 are recorded") == 1


def test_a_right_digest_over_odd_content_counts_as_damage(made):
    trial, make, _ = made
    for odd in ({}, {"epoch": 1, "model": {}}, {"epoch": "x"}, [], {"epoch": 2, "trial": "no JSON"}):
        with async_state_writer(trial.state_file) as writer:
            writer.save(odd)
        earlier(trial.state_file).unlink(missing_ok=True)
        assert resume(trial, make)[0].epoch == 0, odd


def test_a_resume_that_computes_otherwise_is_noted_once(made):
    trial, make, history = made
    session, progress = resume(trial, make)
    without = {"kernels": "torch: there is no C compiler", "compiler": None}
    progress.engines = [{"from_epoch": 1, "step": session.mode, **without}]
    with async_state_writer(trial.state_file) as writer:
        writer.save(progress.state(trial, session))
    for _ in range(2):
        session, progress = resume(trial, make)
        with async_state_writer(trial.state_file) as writer:
            writer.save(progress.state(trial, session))
    (notice,) = trial.notices()
    assert notice.kind == Kind.ENGINE_CHANGED
    assert f"torch: there is no C compiler -> {session.kernels}: from epoch 3 on" in notice.text
    assert [engine["from_epoch"] for engine in progress.engines] == [1, 3]
    assert progress.history == history


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"kernels": "native", "compiler": "GCC: 12"}, ("native", "GCC: 13"), "t: GCC: 12 -> GCC: 13: from epoch 3"),
        ({"kernels": "native", "compiler": "GCC: 12"}, ("torch: no", None), "t: native -> torch: no: from epoch 3"),
        ({"kernels": "native"}, ("native", "GCC: 13"), None),  # of an earlier version
    ],
)
def test_kernels_of_another_compiler_are_a_change(tmp_path, before, now, told):
    kernels, compiler = now
    trial = SimpleNamespace(name="t", folder=tmp_path)
    progress = Progress(engines=[{"from_epoch": 1, "step": "eager", **before}])
    note_engine(trial, SimpleNamespace(mode="eager", kernels=kernels, compiler=compiler), progress, since=3)
    assert [notice.text.partition(" on,")[0] for notice in read_notices(tmp_path)] == ([told] if told else [])
    assert len(progress.engines) == (2 if told else 1)


@pytest.mark.parametrize("recorded", ["in the state", "in env.json"])
def test_epochs_on_other_images_are_set_aside(made, data, recorded):
    trial, make, history = made
    other = "f0" * 32
    if recorded == "in the state":
        make = lambda: Session(trial.spec, replace_data(data, sha256=other), torch.device("cpu"))  # noqa: E731
    else:  # as earlier versions recorded it
        session, _ = resume(trial, make)
        own = json.dumps({"name": trial.name, "history": history})
        with async_state_writer(trial.state_file) as writer:
            writer.save(session.state() | {"trial": own})
        earlier(trial.state_file).unlink(missing_ok=True)
        trial.environment_file.write_text(json.dumps({"data": {"sha256": other}}))
    session, progress = resume(trial, make)
    assert (session.epoch, progress.history) == (0, [])
    assert "is of other images" in trial.notices()[0].text
