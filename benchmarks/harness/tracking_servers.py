"""Tracking servers on loopback, for tests and for what one costs a driver: MLflow's, and PostgreSQL as its database."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START_S = 300.0
DEBIAN = "/usr/lib/postgresql/*/bin"


class MissingError(RuntimeError):
    """A server that is not installed here, with how to install it."""


@contextlib.contextmanager
def mlflow_server(folder: Path, backend: str) -> Iterator[str]:
    """Start `mlflow server` on a database's URI; return its own. Its workers end with it."""
    port = free_port()
    with mlflow_process(folder, backend, port):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def mlflow_process(folder: Path, backend: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Start `mlflow server` at a port, in a process group of its own, which may be killed in the block."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", backend, "--workers", "1"]
    command += ["--default-artifact-root", f"{folder}/artifacts", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, port) as server:
        yield server


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Start PostgreSQL with an empty database; return its URI. Raises MissingError.

    The client is named in it: without, SQLAlchemy 2.1 takes psycopg 3, and 2.0 takes psycopg2.
    """
    initdb, postgres = (_program(name) for name in ("initdb", "postgres"))
    _require_client()
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as made:
        folder, port, user = Path(made), free_port(), _other_user()
        if user is not None:
            shutil.chown(folder, user["user"], user["group"])
        options: dict[str, Any] = {"cwd": folder} | (user or {})
        subprocess.run(
            [initdb, "-D", folder / "data", "-A", "trust", "-U", "lab"], check=True, capture_output=True, **options
        )
        listening = ["-h", "127.0.0.1", "-p", str(port), "-k", folder]
        with running([postgres, "-D", folder / "data", *listening], port, stop=signal.SIGINT, **options):
            yield f"postgresql+psycopg2://lab@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def running(
    command: list[Any], port: int, stop: signal.Signals = signal.SIGKILL, **options: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server in a process group of its own from when it answers at a port. Raises RuntimeError where it ends."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, start_new_session=True, **quiet, **options)
    try:
        _wait_for(port, server)
        yield server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, stop)
        server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{server.args!r} does not answer at port {port}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _program(name: str) -> str:
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"{DEBIAN}/{name}"), reverse=True)), None)
    if found is None:
        raise MissingError("PostgreSQL is not installed: apt install postgresql")
    return found


def _require_client() -> None:
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        raise MissingError("PostgreSQL's client is not installed: pip install psycopg2-binary") from None


def _other_user() -> dict[str, Any] | None:
    """Return the user to run PostgreSQL as, which refuses root; None for this one."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        raise MissingError("PostgreSQL does not run as root, and there is no user postgres") from None
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
