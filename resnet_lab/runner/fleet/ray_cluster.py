"""A Ray cluster: the only module that imports ray. Its nodes run agents as actors, one for each node or GPU.

A cluster asks for a token (ray's `RAY_AUTH_MODE=token`) unless the environment says otherwise; one that is started
here listens on this machine alone, without a dashboard and without usage statistics.
"""

import contextlib
import os
import re
import secrets
import signal
import socket
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

from resnet_lab.errors import UserError
from resnet_lab.runner.fleet.agent import Agent
from resnet_lab.runner.fleet.cluster import AgentLostError, AgentSilentError, Node
from resnet_lab.system.environment import cores
from resnet_lab.system.interrupt import told_apart

AUTO = "auto"
TOKEN, TOKEN_PATH, MODE = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"
CONNECT_S = 10.0
LOOPBACK = "127.0.0.1"


class RayCluster:
    """The cluster that this process is connected to."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    @classmethod
    def connect(cls, address: str) -> "RayCluster":
        """Connect to `HOST:PORT`, or for `auto` to the cluster of RAY_ADDRESS or this machine, else to a new one here.

        Raises UserError where ray is not installed, or nothing answers there.
        """
        if address != AUTO and not re.fullmatch(r"[\w.\-\[\]:]+:\d{1,5}", address):
            raise UserError(f"--cluster {address}: give auto, or the HOST:PORT of a cluster's head")
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault(MODE, "token")
        ray = _import_ray()
        handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            _connect(ray, address)
        finally:
            for each, handler in handlers.items():  # ray puts its own in their place
                signal.signal(each, handler)
        return cls(ray)

    @told_apart()
    def nodes(self) -> Sequence[Node]:
        listed = [node for node in self._ray.nodes() if node["Alive"]]
        named = Counter(node["NodeManagerHostname"] for node in listed)
        return [_node(node, is_alone=named[node["NodeManagerHostname"]] == 1) for node in listed]

    def start(self, node: Node, *, gpu: bool) -> Hashable:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        share = max(1, node.gpus) if gpu else 1
        actor: Hashable = (
            self._ray.remote(Agent)
            .options(
                num_cpus=node.cpus // share,
                num_gpus=int(gpu),
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
            )
            .remote()
        )
        return actor

    def call(self, agent: Any, method: str, *arguments: Any) -> Hashable:
        answer: Hashable = getattr(agent, method).remote(*arguments)
        return answer

    @told_apart()
    def wait(self, calls: Sequence[Hashable], timeout: float) -> Sequence[Hashable]:
        ready, _ = self._ray.wait(list(calls), num_returns=1, timeout=timeout)
        if ready:
            ready, _ = self._ray.wait(list(calls), num_returns=len(calls), timeout=0)
        return list(ready)

    @told_apart()
    def answer(self, call: Hashable) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(call)
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.ActorUnavailableError as error:
            raise AgentSilentError(_first_sentence(error)) from None
        except errors.RayError as error:
            raise AgentLostError(_first_sentence(error)) from None

    @told_apart()
    def share(self, value: Any) -> Any:
        return self._ray.put(value)

    def kill(self, agent: Any) -> None:
        self._ray.kill(agent)


def _import_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise UserError("--cluster needs ray: pip install -e '.[ray]' here and on every node") from None
    return ray


def _connect(ray: Any, address: str) -> None:
    if ray.is_initialized():
        return
    quiet = {"log_to_driver": False, "configure_logging": False}
    if address != AUTO:
        _require_answer(address)
        require_token(make=False)
    else:
        require_token(make=not os.environ.get("RAY_ADDRESS"))
    try:
        with _loopback_as_it_is(ray, address):
            ray.init(address=address, **_own_address(address), **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address != AUTO or os.environ.get("RAY_ADDRESS"):
            raise UserError(f"--cluster {address}: {_first_sentence(error)}") from None
        _start(ray, quiet)


def _start(ray: Any, quiet: dict[str, Any]) -> None:
    """Start a cluster of this machine alone, which ends with this process. Raises UserError where ray cannot."""
    try:
        # Busy cores keep a node from answering the head in time, and here nothing can be lost but all of it. And
        # ray gives its workers a niceness of 15, where those of a launch without a cluster have none.
        patient = {"health_check_failure_threshold": 60, "worker_niceness": 0}
        with _loopback_as_it_is(ray, LOOPBACK):
            here = {"num_cpus": cores(), "include_dashboard": False, "_node_ip_address": LOOPBACK}
            ray.init("local", **here, _system_config=patient, **quiet)
    except Exception as error:  # ray raises Exception itself where a node does not come up in time
        raise UserError(
            f"--cluster auto: ray cannot start here ({_first_sentence(error)}): leave out --cluster, or try again when "
            "the machine is less busy"
        ) from None


def _is_loopback(address: str) -> bool:
    host = (address.rpartition(":")[0] or address).strip("[]")
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _own_address(address: str) -> dict[str, str]:
    return {"_node_ip_address": LOOPBACK} if _is_loopback(address) else {}


@contextlib.contextmanager
def _loopback_as_it_is(ray: Any, address: str) -> Iterator[None]:
    """Have ray take loopback for what it is: it would look for a head, and let its own listen, at the other address.

    Where a later ray has no such function, nothing is changed.
    """
    services = getattr(ray._private, "services", None)
    before = getattr(services, "resolve_ip_for_localhost", None)
    if before is None or not _is_loopback(address):
        yield
        return
    services.resolve_ip_for_localhost = lambda host: LOOPBACK if host == "localhost" else host  # type: ignore[union-attr]
    try:
        yield
    finally:
        services.resolve_ip_for_localhost = before  # type: ignore[union-attr]


def _require_answer(address: str) -> None:
    """Raise UserError where nothing listens: ray itself tries for a minute and more."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"--cluster {address}: nothing answers there ({error}): start its head first") from None


def require_token(*, make: bool) -> None:
    """Have the cluster's token at hand, readable by this user alone. Raises UserError where there is none to `make`."""
    if os.environ.get(MODE) != "token" or os.environ.get(TOKEN):
        return
    path = Path(os.environ.get(TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
    if path.exists():
        if path.stat().st_uid == os.geteuid() and path.stat().st_mode & 0o077:
            path.chmod(0o600)  # ray writes it for everybody to read
        return
    if not make:
        raise UserError(
            f"--cluster: there is no token in {path}: copy the cluster's there, or set {MODE}=disabled for a cluster "
            "that asks for none"
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))


def _node(listed: dict[str, Any], *, is_alone: bool) -> Node:
    name, resources = listed["NodeManagerHostname"], listed["Resources"]
    return Node(
        id=listed["NodeID"],
        name=name if is_alone else f"{name}/{listed['NodeID'][:6]}",
        cpus=int(resources.get("CPU", 0)),
        gpus=int(resources.get("GPU", 0)),
    )


def _first_sentence(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0][:200] or type(error).__name__
