"""Limits: numbers out of bounds, full disks, lack of memory, places that cannot be written."""

import errno
import json
import os
import resource
import shutil
import subprocess
from contextlib import contextmanager

import pytest

import resnet_lab.engine.session
from analysis.results.report_folder import find_reports
from resnet_lab.engine.session import Session
from resnet_lab.errors import DiskFullError, UserError
from resnet_lab.system.command import reporting
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker import exit_code
from resnet_lab.trials.worker_settings import FAILED, NO_ROOM
from studies.bn_placement import STUDY
from studies.cli.command import main
from studies.plan.study import Scale, Study
from tests.faults.conftest import SPEC, SmallSession, figures, train

BOUNDS = {
    "a width": ["--set", "model.width=1000000000"],
    "a depth": ["--set", "model.depth=600002"],
    "a number of epochs": ["--epochs", str(10**30)],
    "a seed of 2^31": ["--seeds", str(2**31)],
    "a seed of 2^63": ["--seeds", str(2**63)],
    "a seed of 2^70": ["--seeds", str(2**70)],
    "a batch": ["--set", f"recipe.batch_size={10**9}"],
    "iterations": ["--set", f"recipe.iterations={10**20}"],
    "a time to end": ["--grace", "-1"],
}


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["launched", "previewed"])
@pytest.mark.parametrize("what", BOUNDS)
def test_a_number_out_of_bounds_is_one_line_before_anything_is_made(tmp_path, capsys, what, dry):
    out = tmp_path / "runs"
    with pytest.raises(SystemExit) as stop:
        main(STUDY, [*BOUNDS[what], *dry, "--out", str(out)])
    printed = capsys.readouterr()
    assert (stop.value.code, printed.out) == (2, "")
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert not out.exists()


@contextmanager
def file_size_limit(size):
    """No file of this process may grow over `size` bytes: a full disk that root cannot pass either."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [20, 200, 1_900])
def test_a_full_disk_names_path_and_bytes_and_the_same_command_goes_on(undisturbed, tmp_path, capsys, size):
    trial = Trial(root=tmp_path, spec=SPEC)
    with capsys.disabled(), file_size_limit(size):
        code = exit_code(lambda: train(trial))
    failure = trial.failure()
    if failure is None:  # no room even for the reason: the exit code says it
        assert code == NO_ROOM
    else:
        assert (code, failure["reason"]) == (FAILED, "disk full")
        assert str(trial.folder) in failure["detail"]
        assert " bytes" in failure["detail"]
    assert not list(trial.folder.glob(".*"))
    assert train(trial)
    assert figures(trial) == figures(undisturbed.whole[0])


@contextmanager
def small_disk(folder, kilobytes):
    """A disk of that size, really full: only root may mount one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk may be mounted here")
    try:
        yield lambda more: subprocess.run(["mount", "-o", f"remount,size={more}k", folder], check=True)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount a small disk")
@pytest.mark.parametrize("kilobytes", [4, 8, 12, 16, 20, 24, 28, 32, 40])
def test_on_a_full_disk_of_any_size_nothing_is_lost_and_a_larger_one_goes_on(undisturbed, tmp_path, capsys, kilobytes):
    with small_disk(tmp_path / "disk", kilobytes) as grow:
        trial = Trial(root=tmp_path / "disk", spec=SPEC)
        with capsys.disabled():
            code = exit_code(lambda: train(trial))
        failure = trial.failure()
        if code == FAILED:
            assert failure["reason"] == "disk full"
            assert str(trial.folder) in failure["detail"]
        else:
            assert code == NO_ROOM or trial.result() is not None
        assert not list(trial.folder.glob(".*"))
        grow(1_000)
        assert train(trial)
        assert figures(trial) == figures(undisturbed.whole[0])


@pytest.mark.slow
def test_a_dry_run_of_3_000_cells_is_told_whole(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(resnet_lab.engine.session, "Session", Session)  # the time of a real step is measured
    rates = tuple(round(0.01 * number, 2) for number in range(1, 1_001))
    arm = {"recipe.lr": rates, "model.width": (4, 8, 16)}
    scale = Scale(dataset="digits", context={"model.depth": (8,)}, seeds=(0,), epochs=1)
    study = Study(name="many", question="How many?", arm=arm, scales={"quick": scale})
    with pytest.raises(SystemExit) as stop:
        main(study, ["--dry-run", "--json", "--out", str(tmp_path / "runs")])
    assert stop.value.code == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["cells"], plan["trials"], len(plan["runs"])) == (3_000, 3_000, 3_000)
    assert not (tmp_path / "runs").exists()


def test_a_trial_without_memory_has_its_own_reason_and_its_last_epoch_is_kept(undisturbed, tmp_path, monkeypatch):
    trial = Trial(root=tmp_path, spec=SPEC)

    def no_memory(self, run_epoch=SmallSession.run_epoch):
        if self.epoch == 2:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory")
        return run_epoch(self)

    with monkeypatch.context() as patch:
        patch.setattr(SmallSession, "run_epoch", no_memory)
        assert not train(trial)
    assert trial.failure()["reason"] == "out of memory"
    assert len(trial.history()) == 2
    assert train(trial)
    assert figures(trial) == figures(undisturbed.whole[0])


def test_a_state_that_memory_does_not_take_is_not_set_aside(undisturbed, tmp_path, monkeypatch):
    trial = Trial(root=tmp_path, spec=SPEC)
    train(trial, dies_in=3)
    with monkeypatch.context() as patch:
        patch.setattr(SmallSession, "restore", lambda *_: (_ for _ in ()).throw(RuntimeError("CUDA out of memory.")))
        assert not train(trial)
    assert trial.failure()["reason"] == "out of memory"
    assert trial.state_file.exists()
    assert train(trial)
    assert (figures(trial), trial.notices()) == (figures(undisturbed.whole[0]), ())


def test_a_name_that_no_folder_can_have_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no report of a study"):
        find_reports("x" * 5_000, tmp_path)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_place_that_cannot_be_written_is_one_line(capsys, number):
    with pytest.raises(SystemExit) as stop, reporting():
        raise OSError(number, "Read-only file system", "/mnt/reports/report.html")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: Read-only file system: /mnt/reports/report.html\n"


def test_a_full_disk_is_one_line_of_a_command(capsys):
    with pytest.raises(SystemExit), reporting():
        raise DiskFullError("No space left on device: a needs 5 bytes")
    assert capsys.readouterr().err == "error: No space left on device: a needs 5 bytes\n"
