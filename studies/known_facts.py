"""The facts of networks that were audited before, in the user's cache: the same command again builds none of them.

They are functions of the network and of the code that builds and reads it, so they hold for that code alone, to the
byte, and for the version of torch that counted.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import ablations
import resnet_lab
from resnet_lab.cache import cache_dir, digest_of, keep
from resnet_lab.fields import flatten
from resnet_lab.inspect.facts import Facts
from studies.audit import Measured, Network

FILE = "facts.json"


def recall(networks: Iterable[Network]) -> Measured:
    """Return the facts of those networks that are known."""
    held = _held()
    return {network: _facts(held[key]) for network in networks if (key := _key(network)) in held}


def remember(measured: Measured) -> None:
    """Add facts to those that are known."""
    new = {_key(network): _plain(facts) for network, facts in measured.items()}
    if new:
        keep(_path(), json.dumps({"code": _code(), "networks": {**_held(), **new}}).encode())


Plain = dict[str, object] | str


def _held() -> dict[str, Plain]:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(_path().read_bytes())
        if content["code"] == _code():
            return dict(content["networks"])
    return {}


def _path() -> Path:
    return cache_dir("audit") / FILE


def _key(network: Network) -> str:
    model, data = network
    return hashlib.sha256(json.dumps([data.value, flatten(model)]).encode()).hexdigest()[:20]


def _plain(facts: Facts | str) -> Plain:
    return facts if isinstance(facts, str) else dataclasses.asdict(facts)


def _facts(content: Plain) -> Facts | str:
    return content if isinstance(content, str) else Facts(**content)  # type: ignore[arg-type]  # as `_plain` left it


@cache
def _code() -> str:
    folders = [Path(str(package.__file__)).parent for package in (ablations, resnet_lab)]
    return f"{digest_of(folders)} torch {metadata.version('torch')}"
