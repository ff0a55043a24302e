"""SIGKILL, for real: a worker in mid-epoch, then the driver in mid-study; the same command finishes the job."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from resnet_lab.system.command import parse
from resnet_lab.tracking import read_runs
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.worker_settings import WorkerSettings
from studies.bn_placement import STUDY
from studies.cli.command import INTERRUPTED, main
from studies.plan.options import Options
from studies.plan.plan import make_plan, trials_of

ARGUMENTS = ["--set", "model.depth=8", "model.block.act_position=after_add", "--seeds", "0", "1", "--epochs", "4"]


def command(out, *more):
    return [sys.executable, "-m", "studies.bn_placement", *ARGUMENTS, "--out", str(out), *more]


def environment(empty_database, out):
    """Spare the second it takes to make the database."""
    out.mkdir()
    (out / "mlflow.db").write_bytes(empty_database.read_bytes())
    return {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}


def digests(out):
    return {
        path.parent.name: json.loads(path.read_text())["sha256"] for path in sorted(out.glob("trials/*/result.json"))
    }


def workers(driver):
    """Workers are the fork server's children."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [worker for server in psutil.Process(driver.pid).children() for worker in server.children()]
    return []


def wait_for(condition, driver, seconds=90):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def epochs(out):
    return sum(len(path.read_text().splitlines()) for path in out.glob("trials/*/history.jsonl"))


@pytest.fixture
def undisturbed(tmp_path):
    """What the trials give when nobody interferes: here, one after the other."""
    out, settings = tmp_path / "undisturbed", WorkerSettings(data_dir=None, device="cpu", environment={})
    for trial in trials_of(make_plan(STUDY, parse(Options, prog="", description="", argv=ARGUMENTS)), out):
        assert run_trial(trial, settings)
    return digests(out)


@pytest.mark.usefixtures("one_thread")
def test_a_killed_worker_and_a_killed_driver_change_nothing(tmp_path, undisturbed, empty_database, monkeypatch):
    out = tmp_path / "runs"
    env = environment(empty_database, out)
    driver = subprocess.Popen(command(out), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: epochs(out) >= 2, driver)
    wait_for(lambda: workers(driver), driver)[0].send_signal(signal.SIGKILL)
    wait_for(lambda: list(out.glob("trials/*/result.json")), driver)
    orphans = workers(driver)
    driver.kill()
    driver.communicate()
    _, alive = psutil.wait_procs(orphans, timeout=60)  # they stop by themselves at the end of an epoch
    assert not alive
    assert 0 < len(digests(out)) < 4

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SystemExit) as done:
        main(STUDY, [*ARGUMENTS, "--out", str(out)])
    assert done.value.code == 0
    assert len(undisturbed) == 4
    assert digests(out) == undisturbed
    runs = read_runs(out, "bn_placement")
    finished = [run["tags"]["trial"] for run in runs if run["status"] == "FINISHED"]
    assert sorted(finished) == sorted(undisturbed)
    assert not [run for run in runs if run["status"] == "RUNNING"]
    assert "killed by signal 9" in [run["tags"].get("reason") for run in runs]
    for folder in out.glob("trials/*"):
        history = [json.loads(line)["epoch"] for line in (folder / "history.jsonl").read_text().splitlines()]
        assert history == [1, 2, 3, 4]


def test_a_second_driver_is_refused_and_told_who_is_first(tmp_path, empty_database, capsys):
    """And Ctrl-C in mid-trial is one line, and 130."""
    out = tmp_path / "runs"
    first = start_apart(out, environment(empty_database, out), "--epochs", "200")
    wait_for(lambda: list(out.glob("trials/*/history.jsonl")), first)
    with pytest.raises(SystemExit) as second:
        main(STUDY, [*ARGUMENTS, "--out", str(out)])
    os.killpg(first.pid, signal.SIGINT)
    _, printed = first.communicate(timeout=60)
    assert second.value.code == 2
    assert f"process {first.pid}" in capsys.readouterr().err
    assert (first.returncode, printed) == (130, f"{INTERRUPTED}\n")


@pytest.mark.parametrize(
    "moment", ["locks/*.holder.json", pytest.param("trials/*/history.jsonl", marks=pytest.mark.slow)]
)
def test_ctrl_c_twice_is_one_line_and_130(tmp_path, empty_database, moment):
    """As a terminal does it, to the whole group: while the server loads and a question is asked, and in mid-trial."""
    out = tmp_path / "runs"
    driver = start_apart(out, environment(empty_database, out), "--epochs", "200")
    wait_for(lambda: list(out.glob(moment)), driver)
    os.killpg(driver.pid, signal.SIGINT)
    time.sleep(0.05)
    os.killpg(driver.pid, signal.SIGINT)
    _, printed = driver.communicate(timeout=60)
    assert (driver.returncode, printed) == (130, f"{INTERRUPTED}\n")


def start_apart(out, env, *more):
    """In a process group of its own, so that a signal to it spares the tests."""
    return subprocess.Popen(
        command(out, *more), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
