"""Studies on a real Ray cluster, by their commands: every mode gives what one machine gives; a signal leaves nothing.

`make test-ray` runs them; without ray they are skipped.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from resnet_lab.runner.fleet.agent import PREFIX
from resnet_lab.tracking import read_runs
from studies.cli.command import INTERRUPTED
from tests.ray_clusters import cluster_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SMALL = ["--set", "model.depth=8", "model.block.act_position=after_add", "--epochs", "2"]


@pytest.fixture(scope="module")
def cluster():
    with cluster_of(2) as made:
        yield made


def start(out, *options):
    words = [sys.executable, "-m", "studies.bn_placement", *SMALL, "--out", str(out), *options]
    env = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(words, env=env, start_new_session=True, **pipes)


def run(out, *options):
    launched = start(out, *options)
    printed, errors = launched.communicate(timeout=300)
    assert launched.returncode == 0, (printed, errors)
    return printed


def digests(out):
    return {path.parent.name: json.loads(path.read_text())["sha256"] for path in out.glob("trials/*/result.json")}


UNTIL_DECIDED = ["--until-decided", "--seeds", "0", "1", "--max-seeds", "3", "--margin", "50"]
SEARCHES = [
    ["--search", "random", "--trials", "3", "--pruner", "none"],
    ["--tune", "--tune-trials", "2", "--seeds", "0", "1"],
]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The digests of two or three seeds' trials on this machine alone."""
    out = tmp_path_factory.mktemp("here")
    run(out, *UNTIL_DECIDED)
    return digests(out)


@pytest.mark.parametrize("mode", [["--seeds", "0", "1"], UNTIL_DECIDED], ids=["seeds", "until decided"])
def test_a_cluster_gives_the_bits_of_one_machine(cluster, here, tmp_path, mode):
    printed = run(tmp_path, *mode, "--cluster", cluster.address)
    assert printed.count("node ") >= 4, "where each trial ran"
    found = digests(tmp_path)
    assert len(found) >= 4
    assert found == {name: here[name] for name in found}


@pytest.mark.parametrize("mode", SEARCHES, ids=["search", "tune"])
def test_a_search_runs_on_a_cluster(cluster, tmp_path, mode):
    assert "node " in run(tmp_path, *mode, "--cluster", cluster.address)
    finished = [each["tags"]["trial"] for each in read_runs(tmp_path, "bn_placement") if each["status"] == "FINISHED"]
    assert sorted(finished) == sorted(digests(tmp_path))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl_c", "sigterm"])
def test_a_signal_is_one_line_and_leaves_nothing_on_any_node(cluster, tmp_path, number, code):
    out = tmp_path / "runs"
    launched = start(out, "--epochs", "400", "--seeds", "0", "1", "--cluster", cluster.address)
    wait_for(lambda: list(out.glob("trials/*/history.jsonl")), launched)
    temporary = Path(os.environ["TMPDIR"])  # of the nodes
    os.killpg(launched.pid, number)
    _, errors = launched.communicate(timeout=120)
    assert (launched.returncode, errors) == (code, f"{INTERRUPTED}\n")
    assert not list(temporary.glob(f"{PREFIX}*"))
    deadline = time.monotonic() + 60
    while living := agents():
        assert time.monotonic() < deadline, living
        time.sleep(0.1)
    assert not [each for each in read_runs(out, "bn_placement") if each["status"] == "RUNNING"]


def agents():
    """The agents of all nodes, and the workers that they forked."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if words.startswith("ray::Agent") or ("forkserver" in words and _is_of_ray(process)):
            found.append(words[:80])
    return found


def _is_of_ray(process):
    try:
        return any("raylet" in parent.name() or parent.name().startswith("ray::") for parent in process.parents())
    except psutil.Error:
        return False


def wait_for(condition, launched, seconds=200):
    deadline = time.monotonic() + seconds
    while not condition():
        assert launched.poll() is None, launched.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
