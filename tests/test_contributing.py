"""CONTRIBUTING.md: its worked example, applied to a copy of the sources; its paths and those of README.md."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

USE = """
import torch
from ablations import BlockSpec, build_block
block = build_block(BlockSpec(activation="mish"), 4, 8, 2)
assert sum(isinstance(m, torch.nn.Mish) for m in block.modules()) == 2, block
optimizer = torch.optim.SGD(block.parameters(), 0.1)
before = [p.clone() for p in block.parameters()]
for _ in range(2):
    block(torch.randn(2, 4, 8, 8)).square().sum().backward()
    optimizer.step()
assert all(not torch.equal(p, q) for p, q in zip(block.parameters(), before))
from studies.bn_placement import STUDY
from studies.plan.options import Options
from studies.plan.plan import make_plan
plan = make_plan(STUDY, Options(assignments=("model.block.activation=mish",)))
assert {cell.model.block.activation.value for cell in plan.cells} == {"mish"}
"""
COMPARE = """
import contextlib, io, json
from resnet_lab import summary
from studies.audit.audit import audit, inspect_networks, network_of
from studies.audit.text import lines
from studies.bn_placement import STUDY
from studies.plan.options import Options
from studies.plan.plan import make_plan

def audited(activation):
    plan = make_plan(STUDY, Options(assignments=(f"model.block.activation={activation}", "model.depth=8")))
    return " ".join(lines(audit(plan, inspect_networks([network_of(cell) for cell in plan.cells]))))

def summarised(activation, *options):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        summary.main(["--model.depth", "8", "--model.block.activation", activation, *options])
    return text.getvalue()

assert "no final activation" in audited("relu"), audited("relu")
assert audited("mish") == audited("relu"), audited("mish")
assert "c n a c n | a" in summarised("mish"), summarised("mish")
assert summarised("mish").replace("Mish", "ReLU") == summarised("relu")
mish, relu = (json.loads(summarised(name, "--json")) for name in ("mish", "relu"))
for name in ("parameters", "flops", "depth", "block_orders", "before_pooling", "unknown_parts"):
    assert mish[name] == relu[name], name
assert mish["unknown_parts"] == [] and mish["signature"] != relu["signature"]
print("ok")
"""


class Change(NamedTuple):
    """Lines of a file in the diff: as they are, and as they become."""

    before: str
    after: str


def worked_example() -> dict[str, Change]:
    """Return the diff's change of each file."""
    (diff,) = re.findall(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    changes = {}
    for part in diff.split("--- ")[1:]:
        name, _, body = part.partition("\n")
        lines = body.splitlines()
        before = "".join(line[1:] + "\n" for line in lines if not line.startswith("+"))
        changes[name] = Change(before, "".join(line[1:] + "\n" for line in lines))
    return changes


@pytest.fixture(scope="module")
def changed_copy(tmp_path_factory):
    """A copy of the sources with the worked example applied."""
    tmp_path = tmp_path_factory.mktemp("copy")
    for package in ("ablations", "resnet_lab", "studies", "analysis"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    changes = worked_example()
    assert changes.keys() == {"ablations/choices.py", "ablations/parts.py"}
    for name, change in changes.items():
        text = (tmp_path / name).read_text()
        assert text.count(change.before) == 1, name
        (tmp_path / name).write_text(text.replace(change.before, change.after))
    return tmp_path


def run(code, copy):
    environment = {**os.environ, "XDG_CACHE_HOME": str(copy / "cache")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "ok", done.stderr


def test_the_worked_example_is_all_it_takes_and_audit_and_summary_know_it(changed_copy):
    run(USE + COMPARE, changed_copy)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_path_and_module_that_a_page_names_exists(page):
    text = (ROOT / page).read_text()
    paths = set(re.findall(r"`((?:ablations|resnet_lab|analysis|studies|benchmarks|tests)/[\w/.]*)`", text))
    names = set(re.findall(r"python -m ((?:resnet_lab|analysis|studies)\.\w+)", text))
    assert paths
    assert names
    files = {name: ROOT / name.replace(".", "/") for name in names}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    assert [name for name, path in files.items() if not (path.is_dir() or path.with_suffix(".py").is_file())] == []
