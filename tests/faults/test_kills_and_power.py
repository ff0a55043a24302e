"""Kills, signals and power cuts: real processes that end at bad moments, and the same command afterwards."""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from benchmarks.harness.tracking_servers import free_port, mlflow_process
from studies.cli.command import INTERRUPTED

ARGUMENTS = ["--set", "model.depth=14", "model.block.act_position=after_add", "--seeds", "0", "1", "--epochs", "4"]


def start(out, *more, tracking=None, limit=None, cache=None):
    """Start a study in a process group of its own, so that a signal to it spares the tests."""
    env = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    env |= {"MLFLOW_TRACKING_URI": tracking} if tracking else {}
    env |= {"XDG_CACHE_HOME": str(cache)} if cache else {}
    command = [sys.executable, "-m", "studies.bn_placement", *ARGUMENTS, *more, "--out", str(out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    bounded = (lambda: resource.setrlimit(*limit)) if limit else None
    return subprocess.Popen(command, env=env, start_new_session=True, preexec_fn=bounded, **pipes)


def finish(out):
    driver = start(out)
    printed = driver.communicate(timeout=600)
    assert driver.returncode == 0, printed
    return printed[0]


def wait_for(condition, driver, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def epochs(out):
    return sum(path.read_bytes().count(b"\n") for path in out.glob("trials/*/history.jsonl"))


def digests(out):
    return {path.parent.name: json.loads(path.read_text())["sha256"] for path in out.glob("trials/*/result.json")}


def statuses(out):
    with closing(sqlite3.connect(out / "mlflow.db")) as connection:
        return {status for (status,) in connection.execute("SELECT status FROM runs")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "runs"
    finish(out)
    return digests(out)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_to_the_group_closes_the_books_and_loses_nothing(tmp_path, undisturbed, name, code):
    out = tmp_path / "runs"
    driver = start(out)
    wait_for(lambda: epochs(out) >= 2, driver)
    os.killpg(driver.pid, getattr(signal, name))
    _, printed = driver.communicate(timeout=120)
    assert (driver.returncode, printed) == (code, f"{INTERRUPTED}\n")
    assert statuses(out) <= {"KILLED", "FINISHED"}
    with closing(sqlite3.connect(out / "optuna.db")) as connection:
        assert "RUNNING" not in {state for (state,) in connection.execute("SELECT state FROM trials")}
    assert not list(out.glob("locks/*.holder.json"))
    finish(out)
    assert digests(out) == undisturbed


@pytest.mark.slow
def test_on_sigterm_with_grace_the_running_epochs_end(tmp_path, undisturbed):
    out = tmp_path / "runs"
    driver = start(out, "--grace", "60")
    wait_for(lambda: epochs(out) >= 2, driver)
    before = epochs(out)
    os.killpg(driver.pid, signal.SIGTERM)
    printed, _ = driver.communicate(timeout=200)
    assert driver.returncode == 143
    assert "the running epochs get 60 s" in printed
    assert epochs(out) > before
    states = [path for path in out.glob("trials/*") if not (path / "result.json").exists()]
    assert all((path / "resume.pt").exists() for path in states)
    finish(out)
    assert digests(out) == undisturbed


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(tmp_path):
    out = tmp_path / "runs"
    driver = start(out)
    wait_for(lambda: epochs(out) >= 1, driver)
    os.killpg(driver.pid, signal.SIGINT)
    time.sleep(0.3)
    pressed = time.monotonic()
    os.killpg(driver.pid, signal.SIGINT)
    driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert time.monotonic() - pressed < 5


@pytest.mark.slow
def test_kills_at_random_moments_change_nothing(tmp_path, undisturbed):
    out, draw = tmp_path / "runs", random.Random(0)
    for _ in range(8):
        driver = start(out)
        deadline = time.monotonic() + draw.uniform(2, 25)
        while driver.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(driver.pid, signal.SIGKILL) if driver.poll() is None else None
        driver.communicate()
    finish(out)
    assert digests(out) == undisturbed
    assert statuses(out) <= {"KILLED", "FINISHED", "FAILED"}
    assert not [path for path in out.glob("trials/*/.*") if path.is_file()]


@pytest.mark.slow
def test_copies_of_a_living_folder_complete_to_the_same_weights(tmp_path, undisturbed):
    """What a power cut leaves: the folder at some moment, histories short, databases without their logs."""
    out = tmp_path / "runs"
    driver = start(out)
    copies = []
    for number in range(3):
        wait_for(lambda wanted=3 * number + 2: epochs(out) >= wanted, driver)
        copies.append(tmp_path / f"copy {number}")
        copy_living(out, copies[-1])
    os.killpg(driver.pid, signal.SIGKILL)
    driver.communicate()
    for copy, cut in zip(copies, (lambda _: b"", lambda raw: raw[: raw.rfind(b"\n", 0, -1) + 1], None), strict=True):
        for history in copy.glob("trials/*/history.jsonl"):
            if cut:
                history.write_bytes(cut(history.read_bytes()))
        for log in [*copy.glob("*.db-wal"), *copy.glob("*.db-shm")]:
            log.unlink()
        finish(copy)
        assert_whole(copy, undisturbed)


def copy_living(source, target):
    """Copy a folder in which files are replaced meanwhile, as `cp -r` does: what is gone by its turn is passed over."""
    try:
        shutil.copytree(source, target, ignore=lambda *_: ["locks"])
    except shutil.Error as error:
        if not all("No such file" in reason for _, _, reason in error.args[0]):
            raise


def assert_whole(out, undisturbed):
    """Check that weights are the undisturbed study's, and that every result is its history's last epoch."""
    assert digests(out) == undisturbed
    for result in out.glob("trials/*/result.json"):
        lines = (result.parent / "history.jsonl").read_text().splitlines()
        last = json.loads(lines[-1])
        assert (len(lines), last["val/error"]) == (4, json.loads(result.read_text())["val/error"])


@contextmanager
def mounted(image, folder):
    """Mount an image of an ext4 disk, whose journal is replayed first."""
    folder.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True).returncode:
        pytest.skip("no image of a disk may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mkfs.ext4") is None, reason="only root can mount an ext4 image")
def test_a_power_cut_under_an_ext4_disk_loses_epochs_and_nothing_else(tmp_path, undisturbed):
    """The block device is copied while a study runs on it; what was in no journal is gone from the copy."""
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(128 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    with mounted(image, tmp_path / "mounted") as disk:
        driver = start(disk / "runs")
        for number in range(3):
            wait_for(lambda wanted=3 * number + 2: epochs(disk / "runs") >= wanted, driver)
            os.killpg(driver.pid, signal.SIGSTOP)  # a copy takes longer than a power cut
            shutil.copy(image, tmp_path / f"cut {number}")
            os.killpg(driver.pid, signal.SIGCONT)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()
    for number in range(3):
        out = tmp_path / f"runs {number}"
        with mounted(tmp_path / f"cut {number}", tmp_path / "mounted") as disk:
            shutil.copytree(disk / "runs", out, ignore=lambda *_: ["locks"])
        finish(out)
        assert_whole(out, undisturbed)


@pytest.mark.slow
def test_models_databases_and_reports_that_are_gone_or_garbage_are_made_again(tmp_path, undisturbed):
    out = tmp_path / "runs"
    finish(out)
    next(out.glob("trials/*/model.safetensors")).unlink()
    for path in (out / "mlflow.db", *out.glob("mlflow.db-*")):
        path.unlink()
    for report in out.glob("reports/**/*.json"):
        report.write_bytes(b"\xff{")
    finish(out)
    assert_whole(out, undisturbed)
    assert statuses(out) == {"FINISHED"}


@pytest.mark.slow
def test_four_launches_at_once_share_a_new_cache(tmp_path, undisturbed):
    drivers = {out: start(out, cache=tmp_path / "cache") for out in (tmp_path / f"runs {n}" for n in range(4))}
    for out, driver in drivers.items():
        printed = driver.communicate(timeout=600)
        assert driver.returncode == 0, printed
        assert digests(out) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "limit"),
    [([], (resource.RLIMIT_NOFILE, (64, 64))), (["--jobs", "64"], None)],
    ids=["64 open files", "64 jobs"],
)
def test_few_open_files_and_many_jobs_are_no_fault(tmp_path, undisturbed, more, limit):
    out = tmp_path / "runs"
    driver = start(out, *more, limit=limit)
    printed = driver.communicate(timeout=600)
    assert driver.returncode == 0, printed
    assert digests(out) == undisturbed


@pytest.mark.slow
def test_a_database_that_is_locked_for_70_seconds_costs_one_warning(tmp_path):
    out = tmp_path / "runs"
    driver = start(out)
    wait_for(lambda: epochs(out) >= 1, driver)
    with closing(sqlite3.connect(out / "mlflow.db", isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(70)
        other.execute("ROLLBACK")
    printed, errors = driver.communicate(timeout=600)
    assert driver.returncode == 0, errors
    assert printed.count("warning: MLflow could not") == 1
    finish(out)
    assert rows_by_run(out / "mlflow.db") == [4] * len(digests(out))


def rows_by_run(database):
    """How many epochs MLflow holds of each finished trial."""
    query = (
        "SELECT runs.run_uuid, count(*) FROM runs JOIN metrics USING (run_uuid) JOIN tags USING (run_uuid) "
        "WHERE tags.key = 'kind' AND tags.value = 'trial' AND metrics.key = 'val/error' AND metrics.step > 0 "
        "AND runs.status = 'FINISHED' GROUP BY runs.run_uuid"
    )
    with closing(sqlite3.connect(database)) as connection:
        return [count for _, count in connection.execute(query)]


@pytest.mark.slow
def test_a_server_that_is_killed_in_mid_study_costs_one_warning_and_no_row(tmp_path, undisturbed):
    out, port = tmp_path / "runs", free_port()
    books = f"sqlite:///{tmp_path}/server.db"
    with mlflow_process(tmp_path, books, port) as server:
        driver = start(out, tracking=f"http://127.0.0.1:{port}")
        wait_for(lambda: epochs(out) >= 2, driver)
        os.killpg(server.pid, signal.SIGKILL)
        printed, errors = driver.communicate(timeout=600)
    assert driver.returncode == 0, errors
    assert printed.count("warning: MLflow could not") == 1
    assert digests(out) == undisturbed
    with mlflow_process(tmp_path, books, port):
        again = start(out, tracking=f"http://127.0.0.1:{port}")
        _, errors = again.communicate(timeout=600)
        assert again.returncode == 0, errors
    assert rows_by_run(tmp_path / "server.db") == [4] * len(undisturbed)


@pytest.mark.slow
def test_an_out_folder_that_is_deleted_in_mid_run_is_one_true_line(tmp_path):
    out = tmp_path / "runs"
    driver = start(out)
    wait_for(lambda: epochs(out) >= 1, driver)
    shutil.rmtree(out, ignore_errors=True)
    _, errors = driver.communicate(timeout=300)
    assert driver.returncode == 2
    assert errors.count("\n") == 1
    assert f"{out} was deleted or moved in mid-run" in errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "size"), [(resource.RLIMIT_AS, 2_500_000_000), (resource.RLIMIT_FSIZE, 100_000)], ids=["memory", "files"]
)
def test_a_limit_of_the_shell_gets_no_remedy_of_another_fault(tmp_path, limit, size):
    driver = start(tmp_path / "runs", limit=(limit, (size, size)))
    printed, errors = driver.communicate(timeout=600)
    assert "db upgrade" not in printed + errors
    assert "Traceback" not in printed + errors
    if driver.returncode:
        assert errors.strip() or "failed" in printed
