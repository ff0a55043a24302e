"""The report and MLflow's deep link in a real browser, headless, on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import matplotlib.image
import numpy as np
import pytest

from analysis.report import write_report
from resnet_lab.tracking import Tracker

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium"),
]
SETTINGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
BLUE = (1, 115, 178)  # the baseline's colour in every figure
WAIT_S = 60


def chromium(profile, *arguments):
    """Run the browser to its end and return what it printed. It may reach nothing but this machine."""
    call = [
        CHROMIUM,
        *SETTINGS,
        f"--user-data-dir={profile}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    done = subprocess.run([*call, *arguments], capture_output=True, text=True, timeout=WAIT_S, check=True)
    return done.stdout


@pytest.fixture
def tracker(store_folder, build_study):
    """A study whose trials are in MLflow too."""
    folder = build_study(store_folder)
    tracker = Tracker.open(store_folder, "odd")
    launch = tracker.start_launch("odd paper", {}, {})
    for name, error in (("20 before_add seed 0", 8.5), ("20 after_add seed 0", 12.5)):
        trial = launch.start_trial(name, {"model.depth": 20}, {"arm": name})
        trial.log_epochs([{"epoch": 1, "test/error": error}])
        trial.end("FINISHED")
    launch.log_arm("20 before_add", {"model.depth": 20}, {"mean": 8.5}, {"arm": "before_add"})
    write_report(folder)
    return tracker


@pytest.fixture
def server(tracker, tmp_path):
    """`mlflow ui` in a process group of its own, which is ended whole. Yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    call = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", tracker.uri, "--workers", "1"]
    with (tmp_path / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            [*call, "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
            env=os.environ | settings,
            start_new_session=True,
        )
    try:
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def await_server(port, log):
    for _ in range(5 * WAIT_S):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"mlflow ui did not answer: {log.read_text()[-500:]}")


def test_the_report_is_drawn_and_the_deep_link_shows_the_trials(tracker, server, tmp_path):
    # One test for both: the browser draws the report while the server starts.
    page, picture = tmp_path / "reports" / "odd-paper-cifar10" / "report.html", tmp_path / "report.png"
    chromium(tmp_path / "profile", "--window-size=1000,6000", f"--screenshot={picture}", page.as_uri())
    pixels = (matplotlib.image.imread(picture)[..., :3] * 255).round().astype(int)
    assert pixels.shape == (6000, 1000, 3)
    assert (pixels == BLUE).all(axis=2).sum() > 100  # the inlined figures are drawn
    right = pixels[:, 970:]
    assert np.unique(right[:, :15].reshape(-1, 3), axis=0).tolist() == [[255, 255, 255]]  # nothing runs out of the page

    await_server(server, tmp_path / "ui.log")
    link = tracker.deep_link.replace("127.0.0.1:5000", f"127.0.0.1:{server}")
    shown = chromium(tmp_path / "profile", "--window-size=1600,1000", "--virtual-time-budget=8000", "--dump-dom", link)
    assert "20 before_add seed 0" in shown
    assert "20 after_add seed 0" in shown
