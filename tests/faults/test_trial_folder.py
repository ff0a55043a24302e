"""Faults in a trial's folder: whatever is damaged, the figures are the undisturbed ones, or there are none."""

import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from resnet_lab.engine.resume import earlier
from resnet_lab.trials.trial import Trial
from tests.faults.conftest import SPEC, figures, train


@pytest.fixture
def on_its_way(undisturbed, tmp_path):
    """A trial that died in its third epoch."""
    shutil.copytree(undisturbed.on_its_way[0].root, tmp_path, dirs_exist_ok=True)
    return Trial(root=tmp_path, spec=SPEC)


@pytest.fixture
def complete(undisturbed, tmp_path):
    shutil.copytree(undisturbed.whole[0].root, tmp_path, dirs_exist_ok=True)
    return Trial(root=tmp_path, spec=SPEC)


def flipped(raw):
    return raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1 :]


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda raw: raw[:10], lambda raw: raw[: raw.index(b"\n") + 1], flipped]
)
def test_a_history_that_lost_lines_in_a_power_cut_is_written_again_from_the_state(undisturbed, on_its_way, damage):
    """ext4 brought it back empty, or short, next to a state of a later epoch: an earlier epoch's error was reported."""
    on_its_way.history_file.write_bytes(damage(on_its_way.history_file.read_bytes()))
    assert train(on_its_way)
    assert figures(on_its_way) == figures(undisturbed.whole[0])


@pytest.mark.parametrize("damage", [lambda _: b"", lambda raw: raw[: len(raw) // 2], flipped, lambda _: b"garbage"])
def test_a_damaged_state_costs_an_epoch_and_is_reported(undisturbed, on_its_way, damage):
    on_its_way.state_file.write_bytes(damage(on_its_way.state_file.read_bytes()))
    assert train(on_its_way)
    assert figures(on_its_way) == figures(undisturbed.whole[0])
    assert on_its_way.notices()[0].file == "resume.pt"
    assert (on_its_way.folder / "resume.pt.damaged").exists()


def test_a_state_that_would_run_code_under_a_right_digest_is_damaged(undisturbed, on_its_way, tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "victim"),))

    content = io.BytesIO()
    torch.save({"state": Trap(), "tensors": []}, content)
    digest = hashlib.sha256(content.getvalue()).digest()
    on_its_way.state_file.write_bytes(digest + content.getvalue())
    assert train(on_its_way)
    assert figures(on_its_way) == figures(undisturbed.whole[0])
    assert on_its_way.notices()[0].file == "resume.pt"
    assert not (tmp_path / "victim").exists()


def test_a_state_of_another_seed_is_not_trained_on(undisturbed, on_its_way):
    for name in ("resume.pt", "resume.pt.1"):
        shutil.copy(undisturbed.on_its_way[1].folder / name, on_its_way.folder / name)
    assert train(on_its_way)
    assert figures(on_its_way) == figures(undisturbed.whole[0])
    assert "of another trial" in on_its_way.notices()[0].text


def test_a_folder_in_the_states_place_and_a_state_without_its_last_rename(undisturbed, on_its_way):
    on_its_way.state_file.unlink()  # killed between the two renames
    assert earlier(on_its_way.state_file).exists()
    on_its_way.state_file.mkdir()
    assert train(on_its_way)
    assert figures(on_its_way) == figures(undisturbed.whole[0])


def test_a_history_that_is_no_utf_8_is_no_traceback(undisturbed, on_its_way, complete):
    for trial in (on_its_way, complete):
        trial.history_file.write_bytes(b"\xff\xfe" + trial.history_file.read_bytes())
        assert trial.history() == []
        assert train(trial)
        assert figures(trial) == figures(undisturbed.whole[0])


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"null"])
def test_a_result_of_nothing_is_no_result(undisturbed, complete, content):
    complete.result_file.write_bytes(content)
    assert complete.result() is None
    assert train(complete)
    assert figures(complete) == figures(undisturbed.whole[0])
    assert (complete.folder / "result.json.damaged").read_bytes() == content


def test_a_result_that_was_edited_is_not_believed(undisturbed, complete):
    result = json.loads(complete.result_file.read_text())
    complete.result_file.write_text(json.dumps(result | {"test/error": 0.0}))
    assert complete.result() is None
    assert train(complete)
    assert figures(complete) == figures(undisturbed.whole[0])


@pytest.mark.parametrize("damage", [None, flipped])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "env.json", "start.json", "history.jsonl"])
def test_a_complete_trial_with_a_file_gone_or_altered_is_trained_again(undisturbed, complete, name, damage):
    path = complete.folder / name
    path.unlink() if damage is None else path.write_bytes(damage(path.read_bytes()))
    assert complete.result() is None
    assert train(complete)
    assert figures(complete) == figures(undisturbed.whole[0])
    assert complete.notices()[0].file == name


def test_a_failure_that_is_garbage_is_none(complete):
    complete.failure_file.write_bytes(b"\xff{")
    assert (complete.failure(), complete.outcome().status) == (None, "complete")


def test_what_a_killed_writer_left_is_swept(on_its_way):
    left = on_its_way.folder / ".resume.pt.i77a03d6"
    left.write_bytes(b"half a state")
    assert train(on_its_way)
    assert not left.exists()
    assert not list(on_its_way.folder.glob(".*"))


def test_a_time_zone_that_changes_in_mid_trial_changes_nothing(undisturbed, tmp_path, monkeypatch):
    trial = Trial(root=tmp_path, spec=SPEC)
    try:
        for zone, dies_in in (("XXX-14", 2), ("XXX+11", None)):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            train(trial, dies_in=dies_in)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (figures(trial), trial.notices()) == (figures(undisturbed.whole[0]), ())


NAMES = ("config.json", "env.json", "start.json", "history.jsonl", "resume.pt", "resume.pt.1", "model.safetensors")
NAMES += ("model.safetensors.sha256", "result.json", "failure.json", "notices.jsonl")


class TrialFolder(RuleBasedStateMachine):
    """A trial that is trained, killed, damaged and trained again, in any order."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory(dir=self.made.root)
        self.trial = Trial(root=Path(self.folder.name), spec=SPEC)
        self.expected = figures(self.made.whole[0])
        self.damaged = 0

    @rule(epoch=st.integers(1, 3))
    def killed(self, epoch):
        train(self.trial, dies_in=epoch)

    @rule(epochs=st.integers(1, 2))
    def stopped(self, epochs):
        train(self.trial, stops_after=epochs)

    @rule()
    def relaunched(self):
        self._must_end_well()

    @rule(name=st.sampled_from(NAMES), where=st.floats(0, 1), bit=st.integers(0, 7))
    def bit_flipped(self, name, where, bit):
        raw = self._content(name)
        if raw:
            position = min(int(where * len(raw)), len(raw) - 1)
            self._put(name, raw[:position] + bytes([raw[position] ^ 1 << bit]) + raw[position + 1 :])

    @rule(name=st.sampled_from(NAMES), where=st.floats(0, 1))
    def truncated(self, name, where):
        raw = self._content(name)
        if raw:
            self._put(name, raw[: int(where * len(raw))])

    @rule(name=st.sampled_from(NAMES))
    def emptied(self, name):
        if self._content(name) is not None:
            self._put(name, b"")

    @rule(name=st.sampled_from(NAMES))
    def removed(self, name):
        (self.trial.folder / name).unlink(missing_ok=True)

    @rule(name=st.sampled_from(NAMES), complete=st.booleans(), seed=st.sampled_from((0, 1)))
    def replaced_by_anothers(self, name, complete, seed):
        other = (self.made.whole if complete else self.made.on_its_way)[seed].folder / name
        if other.exists() and self.trial.folder.exists():
            self._put(name, other.read_bytes())

    @invariant()
    def what_is_complete_has_the_undisturbed_figures(self):
        if hasattr(self, "trial"):
            found = figures(self.trial)
            assert found is None or found == self.expected

    def teardown(self):
        if hasattr(self, "trial"):
            target(float(self.damaged))
            self._must_end_well()
            self.folder.cleanup()

    def _must_end_well(self):
        """It ends in the undisturbed figures, or in a failure that is recorded."""
        if not train(self.trial):
            assert self.trial.failure() is not None
            return
        assert figures(self.trial) == self.expected

    def _content(self, name):
        path = self.trial.folder / name
        return path.read_bytes() if path.is_file() else None

    def _put(self, name, content):
        self.damaged += 1
        (self.trial.folder / name).write_bytes(content)


SETTINGS = settings(deadline=None, stateful_step_count=12, suppress_health_check=list(HealthCheck), database=None)


@pytest.mark.parametrize(
    "examples", [40, pytest.param(2_000, marks=pytest.mark.slow)], ids=lambda examples: f"{examples} examples"
)
def test_no_sequence_of_faults_ends_in_other_figures(undisturbed, examples):
    machine = type("Machine", (TrialFolder,), {"made": undisturbed})
    run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=examples))
