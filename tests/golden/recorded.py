"""A recording of what the commands do: table rows, checkpoint digests, fingerprints, analyses and option lists.

    python -m tests.golden.recorded FILE    writes FILE, and next to it the study's folder as text

It uses the command lines alone, so that the same recorder runs on code before and after a change. What depends on the
arithmetic of a processor is recorded with it.
"""

import hashlib
import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save

from resnet_lab.spec.fields import from_json
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.trials.signature import check

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "studies.bn_placement",
    "studies.plan",
    "analysis.report",
    "analysis.block_deletion",
    "analysis.path_length",
    "resnet_lab.summary",
    "resnet_lab.interchange",
)
TINY = ["model.depth=14", "model.width=4", "data.train_images=128", "recipe.batch_size=32"]
# As it was in a run of any length then: a short one rises in a quarter of it now.
TINY += ["recipe.warmup_iterations=80"]
COMMON = ["--epochs", "2", "--precision", "fp32", "--device", "cpu", "--seeds", "0", "1"]
STUDIES = {
    "native": ["studies.bn_placement", *COMMON, "--jobs", "2"],
    "torch": ["tests.golden.ladder_before", *COMMON, "--jobs", "2", "--deterministic"],
    "until_decided": ["studies.bn_placement", *COMMON, "--jobs", "1", "--until-decided", "--max-seeds", "4"],
    "tune": ["tests.golden.ladder_before", *COMMON, "--jobs", "1", "--deterministic", "--tune", "--tune-trials", "2"],
    "search": ["studies.bn_placement", *COMMON, "--jobs", "1", "--search", "random", "--trials", "4"],
}
SETTINGS = {
    "torch": ["recipe.augmentation=none", "model.depth=8,14"],
    "tune": ["recipe.augmentation=none", "model.depth=8,14"],
}
FILES = ("table.json", "table.csv", "table.tex", "table.md", "audit.json", "plan.json", "figure.png", "search.json")
TEXTS = ("config.json", "history.jsonl", "result.json")
DURATIONS = re.compile(r"time/.*|.*_s|energy.*")


def run(*arguments: object) -> str:
    """Run a command of the project on one thread and return its standard output."""
    environment = {**os.environ, "COLUMNS": "80", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def arithmetic() -> dict[str, str]:
    """Return what the bits of a training run depend on besides the code."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else platform.processor()
    known = sorted(set(re.findall(r"\b(?:avx2|fma|avx512\w*|amx\w*)\b", flags)))
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout.partition("\n")[
        0
    ]
    versions = {name: metadata.version(name) for name in ("torch", "numpy", "scikit-learn", "optuna", "matplotlib")}
    return {"processor": " ".join(known), "compiler": compiler, **versions}


def timeless(value: Any) -> Any:
    """Return JSON without durations."""
    if isinstance(value, dict):
        return {name: timeless(each) for name, each in value.items() if not DURATIONS.fullmatch(str(name))}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def options(command: str) -> list[str]:
    """Return every option that a command's help (or that of its sub-commands) defines, with its aliases, in order."""
    asked = [[command, kind] for kind in ("import", "export")] if command == "resnet_lab.interchange" else [[command]]
    found = []
    for words in asked:
        for names in re.findall(r"^│ ((?:-h, )?--[a-z][\w.-]*(?:, --[\w.-]+)*)", run(*words, "--help"), re.M):
            found.append(" ".join([*words[1:], names]))
    return found


def trials(out: Path) -> dict[str, Any]:
    """Return each trial's digest, figures and history by its name, which holds the fingerprint."""
    found = {}
    for folder in sorted(path for path in (out / "trials").iterdir() if path.is_dir()):
        result = check(folder).result
        if result is None:
            continue
        history = [timeless(json.loads(line)) for line in (folder / "history.jsonl").read_text().splitlines()]
        found[folder.name] = {"result": {**timeless(result), "sha256": digest_then(folder)}, "history": history}
    return found


def digest_then(folder: Path) -> str:
    """Return the SHA-256 that a checkpoint has without the fields that came after the recording, all at their defaults.

    Its metadata name every field of the run, so that each new field changes the bytes of the file and no weight.
    """
    path = folder / "model.safetensors"
    with safe_open(path, "pt") as file:
        spec = json.loads(file.metadata()["trained"])["spec"]
    then = {name: value for name, value in spec.items() if name in recorded_fields()}
    assert trial_name(from_json(json.dumps(then))) == folder.name
    return hashlib.sha256(save(load_file(path), metadata={"spec": json.dumps(then, indent=2) + "\n"})).hexdigest()


@cache
def recorded_fields() -> frozenset[str]:
    """Return the fields that a run had when the recording was made."""
    texts = json.loads((Path(__file__).parent / "out_before.json").read_text())
    return frozenset(json.loads(next(text for name, text in texts.items() if name.endswith("config.json"))))


def reports(out: Path) -> dict[str, str]:
    """Return the SHA-256 of the files of every report that hold neither a time nor a path."""
    return {
        str(path.relative_to(out / "reports")): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in sorted((out / "reports").iterdir())
        for path in (folder / name for name in FILES)
        if path.exists()
    }


def record(out: Path) -> dict[str, Any]:
    """Run everything into a new folder and return what came of it."""
    known: dict[str, Any] = {"arithmetic": arithmetic(), "options": {each: options(each) for each in COMMANDS}}
    for name, command in STUDIES.items():
        settings = [*TINY[1:], *SETTINGS.get(name, TINY[:1])]
        known[name] = timeless(json.loads(run(*command, "--json", "--out", out, "--set", *settings)))
    known["trials"], known["reports"] = trials(out), reports(out)
    chosen = next(out / "trials" / name for name in known["trials"] if _depth(out / "trials" / name) == 14)
    lesions = [
        "--experiment",
        "single",
        "multiple",
        "reorder",
        "--mode",
        "delete",
        "mean",
        "--heal",
        "1",
        "--draws",
        "3",
    ]
    network = ["--checkpoint", chosen, "--out", out, "--json"]
    known["lesions"] = json.loads(run("analysis.block_deletion", *network, *lesions, "--images", "100"))
    known["paths"] = json.loads(run("analysis.path_length", *network, "--images", "8", "--draws", "2"))
    return known


def _depth(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text())["model.depth"])


def as_text(out: Path) -> dict[str, str]:
    """Return a study's folder as texts by file name, weights and times left out: what a resumed launch reads of it."""
    texts = {
        str(path.relative_to(out)): path.read_text()
        for folder in sorted((out / "trials").iterdir())
        for path in (folder / name for name in TEXTS)
        if path.exists()
    }
    connection = sqlite3.connect(out / "optuna.db")
    texts["optuna.sql"] = "\n".join(connection.iterdump())
    connection.close()
    return texts


def main() -> None:
    """Record into the file that the command line names."""
    target = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(os.environ.get("GOLDEN_OUT", folder)) / "out"
        run(*STUDIES["native"], "--json", "--out", out, "--set", *TINY)
        before = as_text(out)
        target.write_text(json.dumps(record(out), indent=1, sort_keys=True) + "\n")
    target.with_name("out_before.json").write_text(json.dumps(before, indent=1) + "\n")


if __name__ == "__main__":
    main()
