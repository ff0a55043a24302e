"""Sections `Environment` and `How to reproduce`."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from analysis.report.document import Block, Code, Items, Link, Text
from analysis.report.traces import Traces
from resnet_lab.trials.versions import codes_of

PLAIN = (
    "host",
    "system",
    "processor",
    "cores",
    "memory_gib",
    "device",
    "gpu",
    "gpu_driver",
    "cuda",
    "precision",
    "threads",
)
ENGINE = ("step", "kernels", "compiler", "compiled")
"""What computed: a captured graph or step by step; this project's kernels and their compiler, or torch's, and why."""
FLAGS = ("cpu_capability", "deterministic_algorithms", "cudnn_deterministic", "cudnn_benchmark")


def environment(data: Traces) -> Iterator[Block]:
    """Yield code, packages, hardware and flags; where trials differ, each value with its number of trials."""
    environments = list(data.environments.values())
    if not environments:
        yield Text("No trial has recorded its environment.")
        return
    names = ("python", *PLAIN, *ENGINE, *FLAGS)
    items = [("code", _counted([_code(env) for env in environments]))]
    items.append(("code that trains", _counted([_training_code(env) for env in environments])))
    items.append(("packages", _counted([_packages(env) for env in environments])))
    items += [(name, text) for name in names if (text := _counted([_value(env, name) for env in environments]))]
    items.append(("data", _counted([_data(env) for env in environments])))
    yield Items([(name.replace("_", " "), text) for name, text in items if text])


def _value(env: Mapping[str, Any], name: str) -> object:
    """Return a trial's value; where it changed in mid-trial, every value with the epoch it is from."""
    engines = [each for each in env.get("engines", ()) if name in each]
    if name not in ENGINE or len({each[name] for each in engines}) < 2:
        return env.get(name)
    return ", then ".join(f"{each[name]} from epoch {each['from_epoch']}" for each in engines)


def _counted(values: Sequence[object]) -> str:
    """Return the one value of all trials, or each value with its number of trials."""
    counts = Counter(str(value) for value in values if value is not None)
    if len(counts) < 2:
        return next(iter(counts), "")
    return "\n".join(f"{value} ({count} trials)" for value, count in counts.most_common())


def _code(env: Mapping[str, Any]) -> str | None:
    if env.get("git_sha") is None:
        return "not in a git repository"
    return f"{env['git_sha']}{' with uncommitted changes' if env.get('git_dirty') else ''}"


def _training_code(env: Mapping[str, Any]) -> str:
    return f"SHA-256 {' then '.join(codes_of(env))} of ablations and resnet_lab"


def _packages(env: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in env.get("packages", {}).items())


def _data(env: Mapping[str, Any]) -> str:
    images = env.get("data") or {}
    return f"{images.get('name')}, SHA-256 {images.get('sha256')}" if images else ""


def notices(data: Traces) -> Iterator[Block]:
    """Yield what was found damaged in the trials' folders and made again, and what changed in mid-trial."""
    found = [(trial, notice) for trial, several in data.notices.items() for notice in several]
    if found:
        yield Text(
            "What was damaged was set aside in the trial's folder and made again; nothing of it is in the tables."
        )
        yield Items([(trial, f"{notice.when}: {notice.text}") for trial, notice in found])


def reproduce(data: Traces) -> Iterator[Block]:
    """Yield the commands that made the trials, the last launch first, and where MLflow shows them."""
    launches = [data.launch.get("argv"), *(env.get("argv") for env in data.environments.values())]
    commands = list(dict.fromkeys(command(argv) for argv in launches if argv))
    shas = list(dict.fromkeys(str(env["git_sha"]) for env in data.environments.values() if env.get("git_sha")))
    yield Code("\n".join([*(f"git checkout {sha}" for sha in shas[-1:]), *commands]))
    if any(env.get("git_dirty") for env in data.environments.values()):
        yield Text("The code had uncommitted changes, which no commit holds.", note=True)
    if data.launch.get("ui_command"):
        yield Text("The trials in MLflow: start its interface, then open the links.")
        yield Code(str(data.launch["ui_command"]))
    for label, key in (
        ("this study's arms", "deep_link"),
        ("learning curves, means over seeds", "curves_link"),
        ("this launch, with its files", "launch_link"),
    ):
        if data.launch.get(key):
            yield Link(label, str(data.launch[key]))


def command(argv: Sequence[str]) -> str:
    """Return the command line as typed: a module's path, as `python -m` leaves it in argv, becomes its name."""
    first = PurePath(str(argv[0]))
    if first.suffix == ".py" and first.parent.name == "studies":
        return shlex.join(["python", "-m", f"studies.{first.stem}", *map(str, argv[1:])])
    return shlex.join(["python", *map(str, argv)] if first.suffix == ".py" else list(map(str, argv)))
