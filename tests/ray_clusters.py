"""Real Ray clusters on this machine: nodes that share its disk, and a far host, which is a network namespace."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NEAR = "127.0.0.1"
VARIABLES = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # one for all: ray keeps the first that a process has
    "RAY_worker_niceness": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@contextlib.contextmanager
def cluster_of(nodes: int, *, ip: str = NEAR) -> Iterator[Any]:
    """Start a head that trains nothing and nodes of one core, which ask for a token; skip where ray is missing."""
    if find_spec("ray") is None:
        pytest.skip("ray is not installed: pip install -e '.[ray]'")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        # What agents put down is looked for; ray's own folder stays, since the paths of its sockets are short.
        for name, value in (VARIABLES | {"TMPDIR": temporary, "RAY_TMPDIR": tempfile.gettempdir()}).items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster  # ray reads them when it is imported

        made = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "node_ip_address": ip}
        )
        try:
            for _ in range(nodes):
                made.add_node(num_cpus=1, node_ip_address=ip)
            yield made
        finally:
            import ray

            ray.shutdown()
            made.shutdown()


@dataclass
class FarHost:
    """A Ray node in a network namespace, with a link to be cut, and folders of this machine that it does not see."""

    name: str
    number: int
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def ip(self) -> str:
        """Of this machine, at the link to the host; the host's is the next one."""
        return f"10.77.{self.number}.1"

    def build(self) -> None:
        """Make the namespace and its link. Raises CalledProcessError where that is not allowed."""
        outer, inner = f"{self.name}a", f"{self.name}b"
        _ip("netns", "add", self.name)
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", self.name)
        _ip("addr", "add", f"{self.ip}/24", "dev", outer)
        _ip("link", "set", outer, "up")
        _ip("-n", self.name, "addr", "add", f"10.77.{self.number}.2/24", "dev", inner)
        for device in (inner, "lo"):
            _ip("-n", self.name, "link", "set", device, "up")

    def join(self, address: str, *, cache: Path, hidden: Sequence[Path]) -> None:
        """Start a node of one core there that joins a cluster; folders that are hidden are empty ones of its own."""
        mounts = "".join(f"mount -t tmpfs far {folder} && " for folder in hidden)
        ray = (
            f"{Path(sys.executable).with_name('ray')} start --address {address} --node-ip-address 10.77.{self.number}.2"
        )
        script = f"{mounts}exec {ray} --num-cpus 1 --block"
        command = ["ip", "netns", "exec", self.name, "sh", "-c", script]
        env = os.environ | {"XDG_CACHE_HOME": str(cache)}
        self._process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def freeze(self) -> None:
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)

    def cut_off(self) -> None:
        _ip("link", "set", f"{self.name}a", "down")

    def pids(self) -> list[int]:
        """Return every process there."""
        return [int(pid) for pid in _ip("netns", "pids", self.name).split()]

    def leave(self) -> None:
        """End every process there, and mend the link."""
        while pids := self.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
            if self._process is not None:
                self._process.poll()
        _ip("link", "set", f"{self.name}a", "up")

    def remove(self) -> None:
        self.leave()
        _ip("netns", "del", self.name)


@contextlib.contextmanager
def far_host() -> Iterator[FarHost | None]:
    """Make a far host, or None where this user may not."""
    host = FarHost(f"far{os.getpid()}", os.getpid() % 250)
    try:
        host.build()
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield host
    finally:
        host.remove()


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
