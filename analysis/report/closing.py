"""The last sections: failures, costs, environment, and how to do it again."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from statistics import fmean
from typing import Any

from analysis.arms import ArmRow
from analysis.cells import field_cells, field_headers
from analysis.labels import full_label
from analysis.report.document import Block, Code, Items, Link, Table, Text
from analysis.report.facts import Facts

BACKWARD = 3
"""Training takes about three forward passes: one forward, two backward."""
PREFIXES = ("", "k", "M", "G", "T", "P", "E")
PLAIN = ("host", "system", "processor", "cores", "memory_gib", "device", "gpu", "cuda", "precision", "threads")
FLAGS = ("cpu_capability", "deterministic_algorithms", "cudnn_deterministic", "cudnn_benchmark")


def failures(facts: Facts) -> Iterator[Block]:
    """Yield every failed or unfinished trial with its reason, or that there is none."""
    names = (*facts.context, *facts.arm)
    rows = [
        [full_label({name: run[name] for name in names}), str(run["seed"]), str(run["status"]), _why(run), run["trial"]]
        for run in facts.runs
        if run["status"] != "complete"
    ]
    if not rows:
        yield Text("None: every planned trial is complete.")
        return
    headers = ["trial of", "seed", "status", "reason", "folder"]
    yield Table(caption="Trials without a result; no mean counts them.", headers=headers, rows=rows, left=5)


def _why(run: Mapping[str, Any]) -> str:
    return str(run.get("reason") or ("" if run["status"] == "missing" else "no reason recorded"))


def costs(facts: Facts) -> Iterator[Block]:
    """Yield time, speed, parameters and FLOPs of each arm, and the whole."""
    rows = facts.rows
    fields = field_headers(rows, merged=False)
    headers = ["parameters", "FLOPs/image", "training FLOPs", "s/trial", "images/s"]
    yield Table(
        caption="Cost of one trial, mean over the complete ones.",
        headers=[*fields, *headers],
        rows=[[*names, *_cost(facts, row)] for names, row in zip(field_cells(rows, merged=False), rows, strict=True)],
        left=len(fields),
        breaks=frozenset(i for i, row in enumerate(rows) if i and rows[i - 1].context != row.context),
    )
    seconds = sum(float(run.get("time/train_s") or 0) for run in facts.runs)
    joules = facts.launch.get("energy_j")
    energy = f"{joules / 3600:.2f} Wh over the last launch (processor packages, RAPL)" if joules else "not measured"
    whole = facts.launch.get("seconds", {})
    wall = [("Wall time of the last launch", _duration(sum(whole.values())))] if whole else []
    yield Items([("Training, all trials", _duration(seconds)), *wall, ("Energy", energy)])
    yield Text(
        "FLOPs/image: 2 x multiply-adds of the forward pass, counted by torch. training FLOPs: about"
        f" {BACKWARD} forward passes for each image seen.",
        note=True,
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _cost(facts: Facts, row: ArmRow) -> list[str]:
    names = {**row.context, **row.arm}
    cells = (facts.audit or {}).get("cells", ())
    built: Mapping[str, Any] = next((cell for cell in cells if all(cell[n] == v for n, v in names.items())), {})
    done = [run for run in facts.runs_of(row) if run["status"] == "complete"]
    speeds = [s for run in done for e in facts.histories[run["trial"]] if (s := e.get("time/images_per_s"))]
    seconds = [float(run["time/train_s"]) for run in done if "time/train_s" in run]
    seen = _images_seen(facts, done)
    flops = built.get("flops")
    return [
        f"{built['parameters']:,}" if built else "n/a",
        _large(flops) if flops else "n/a",
        _large(BACKWARD * flops * seen) if flops and seen else "n/a",
        f"{fmean(seconds):.1f}" if seconds else "n/a",
        f"{fmean(speeds):,.0f}" if speeds else "n/a",
    ]


def _large(value: float) -> str:
    """Return three digits and a prefix: 5.03 M."""
    power = next((step for step in range(len(PREFIXES)) if value < 999.5 * 1000**step), len(PREFIXES) - 1)
    return f"{value / 1000**power:.3g} {PREFIXES[power]}".rstrip()


def _images_seen(facts: Facts, done: Sequence[Mapping[str, Any]]) -> float:
    for run in done:
        config = json.loads(facts.configs.get(str(run["trial"])) or "{}")
        if "recipe.batch_size" in config and "iterations" in run:
            return float(config["recipe.batch_size"] * run["iterations"])
    return 0.0


def environment(facts: Facts) -> Iterator[Block]:
    """Yield code, packages, hardware and flags; where trials differ, each value with its number of trials."""
    every = list(facts.environments.values())
    if not every:
        yield Text("No trial has recorded its environment.")
        return
    names = ("python", *PLAIN, *FLAGS)
    items = [("code", _told([_code(env) for env in every]))]
    items.append(("packages", _told([_packages(env) for env in every])))
    items += [(name, text) for name in names if (text := _told([env.get(name) for env in every]))]
    items.append(("data", _told([_data(env) for env in every])))
    yield Items([(name.replace("_", " "), text) for name, text in items if text])


def _told(values: Sequence[object]) -> str:
    counts = Counter(str(value) for value in values if value is not None)
    if len(counts) < 2:
        return next(iter(counts), "")
    return "\n".join(f"{value} ({count} trials)" for value, count in counts.most_common())


def _code(env: Mapping[str, Any]) -> str | None:
    if env.get("git_sha") is None:
        return "not in a git repository"
    return f"{env['git_sha']}{' with uncommitted changes' if env.get('git_dirty') else ''}"


def _packages(env: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in env.get("packages", {}).items())


def _data(env: Mapping[str, Any]) -> str:
    data = env.get("data") or {}
    return f"{data.get('name')}, SHA-256 {data.get('sha256')}" if data else ""


def reproduce(facts: Facts) -> Iterator[Block]:
    """Yield the commands that made the trials, the last launch first, and where MLflow shows them."""
    every = [facts.launch.get("argv"), *(env.get("argv") for env in facts.environments.values())]
    commands = list(dict.fromkeys(command(argv) for argv in every if argv))
    shas = list(dict.fromkeys(str(env["git_sha"]) for env in facts.environments.values() if env.get("git_sha")))
    yield Code("\n".join([*(f"git checkout {sha}" for sha in shas[-1:]), *commands]))
    if any(env.get("git_dirty") for env in facts.environments.values()):
        yield Text("The code had uncommitted changes, which no commit holds.", note=True)
    if facts.launch.get("ui_command"):
        yield Text("The trials in MLflow: start its interface, then open the links.")
        yield Code(str(facts.launch["ui_command"]))
    for label, key in (("this study's trials", "deep_link"), ("this launch, with its files", "launch_link")):
        if facts.launch.get(key):
            yield Link(label, str(facts.launch[key]))


def command(argv: Sequence[str]) -> str:
    """Return what was typed: a module's path, as `python -m` leaves it in argv, becomes its name again."""
    first = PurePath(str(argv[0]))
    if first.suffix == ".py" and first.parent.name == "studies":
        return shlex.join(["python", "-m", f"studies.{first.stem}", *map(str, argv[1:])])
    return shlex.join(["python", *map(str, argv)] if first.suffix == ".py" else list(map(str, argv)))
