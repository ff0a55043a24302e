"""Fixture: a finished study on disk, made up."""

import json

import pytest

from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace, to_json
from resnet_lab.spec.fingerprint import trial_name

NORM, ACT = "model.block.norm_position", "model.block.act_position"
ARM = {NORM: ["before_add", "after_add"], ACT: ["after_add", "none"]}
EVIL = "<script>alert(1)</script> & _x_ | $y$ \\ % # {z} `q` -->"


def trial(root, changes, seed, error):
    """A trial's folder as a worker leaves it; without an error it failed."""
    spec = replace(RunSpec(), {**changes, "data.normalise": "per_pixel", "seed": seed})
    folder = root / trial_name(spec)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(to_json(spec))
    environment = {"git_sha": "ab" * 20, "git_dirty": False, "argv": ["studies/odd.py", "--out", "my runs"]}
    environment |= {"packages": {"torch": "2.11"}, "processor": EVIL, "data": {"name": "cifar10", "sha256": "00"}}
    (folder / "env.json").write_text(json.dumps(environment))
    epochs = [{"epoch": e, "val/error": 90 / e + seed, "time/images_per_s": 100.0 * e} for e in (1, 2, 3)]
    (folder / "history.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    row = {**changes, "seed": seed, "trial": folder.name}
    if error is None:
        return row | {"status": "failed", "reason": f"diverged {EVIL}"}
    return row | {"status": "complete", "reason": None, "test/error": error, "time/train_s": 60.0, "iterations": 64_000}


def build(root):
    """A 2 x 2 factorial over six seeds, one trial of which failed; every text a user can choose is hostile."""
    runs = []
    for norm in ARM[NORM]:
        for act in ARM[ACT]:
            for seed in range(6):
                worse = 4 * (norm == "after_add") * (act == "none")
                failed = (norm, act, seed) == ("before_add", "none", 5)
                error = 8.5 + worse + 0.1 * ((7 * len(runs)) % 5)
                changes = {"model.depth": 20, NORM: norm, ACT: act}
                runs.append(trial(root / "trials", changes, seed, None if failed else error))
    report = root / "reports" / "odd-paper-cifar10"
    report.mkdir(parents=True)
    plan = {"study": EVIL, "question": EVIL, "scale": "paper", "dataset": "cifar10", "design": "full", "arm": ARM}
    plan |= {"context": {"model.depth": [20]}, "baseline": {name: levels[0] for name, levels in ARM.items()}}
    plan |= {"seeds": list(range(6)), "aliases": [f"{EVIL} = b x c"], "sections": [{"name": EVIL, "text": EVIL}]}
    (report / "plan.json").write_text(json.dumps(plan))
    (report / "runs.json").write_text(json.dumps(runs))
    launch = {"argv": ["/x/studies/odd.py", "--set", "data.name=<script>"], "seconds": {"setup": 1.0, "training": 9.0}}
    launch |= {"ui_command": "mlflow ui", "deep_link": "http://127.0.0.1:5000/#/experiments/1", "energy_j": 7200.0}
    launch |= {"launch_link": "javascript:alert(1)"}
    (report / "launch.json").write_text(json.dumps(launch))
    return report


@pytest.fixture(scope="session")
def build_study():
    """Return a function that makes the study under an output folder and returns its report's folder."""
    return build
