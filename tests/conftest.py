"""Fixtures of the whole suite."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

# A busy machine is no failure: no test asserts a time.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Hear signals in every test: a script's background hands SIGINT on ignored, nohup SIGHUP, to children too.

    And a command that was called in this very process leaves Ctrl-C ignored, since its process is about to end.
    """
    for each, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(each) == signal.SIG_IGN:
            signal.signal(each, handler)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One torch thread: on tiny tensors a second one costs more than it gains, and starves other processes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cifar10_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder of the real CIFAR-10, with `cifar-10-batches-bin`. Read only."""
    script = SHARED / "unpack_cifar10.py"
    if not script.is_file():
        pytest.skip(f"the real CIFAR-10 is not here: there is no {script}")
    # The processes of pytest-xdist share what one of them has unpacked.
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "cifar10"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            subprocess.run([sys.executable, str(script), f"{folder}.made"], check=True, capture_output=True)
            Path(f"{folder}.made").rename(folder)
    return folder


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """Data folder of the real MNIST, with `MNIST/raw` and its four `.gz` files. Read only."""
    if not (SHARED / "MNIST" / "raw").is_dir():
        pytest.skip(f"the real MNIST is not here: there is no {SHARED / 'MNIST' / 'raw'}")
    return SHARED


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without experiments, made once per session, to be copied."""
    from resnet_lab.tracking.database import ensure_database

    path = tmp_path_factory.mktemp("tracking") / "mlflow.db"
    ensure_database(path)
    return path


@pytest.fixture
def store_folder(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder with an empty MLflow database."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make figures without drawing them, for a test that reads what is written beside them: half of a report's time."""
    from matplotlib.figure import Figure

    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: Path(path).write_text("<svg/>"))
