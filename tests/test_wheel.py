"""The wheel: what is installed from it is typed for its users."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ablations", "analysis", "resnet_lab", "studies")
USER = """
from resnet_lab.engine import train
from resnet_lab.spec import RunSpec

error: str = train(RunSpec()).test.error
"""


@pytest.mark.slow
def test_a_users_script_is_checked_against_the_types_of_an_installed_wheel(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    pip = (sys.executable, "-m", "pip")
    quiet = ("-q", "--no-deps", "--no-index", "--disable-pip-version-check")
    source, site = tmp_path / "source", tmp_path / "site"
    run("git", "archive", "-o", str(tmp_path / "source.tar"), "HEAD", cwd=ROOT)  # a build leaves its files behind
    shutil.unpack_archive(tmp_path / "source.tar", source)
    run(*pip, "wheel", *quiet, "--no-build-isolation", "-w", str(tmp_path), str(source), cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    run(*pip, "install", *quiet, "--target", str(site), str(wheel), cwd=tmp_path)
    assert all((site / package / "py.typed").is_file() for package in PACKAGES)
    (tmp_path / "user.py").write_text(USER)
    alone = ("--config-file=", "--no-site-packages", "--ignore-missing-imports", "--follow-imports=silent")
    mypy = [sys.executable, "-m", "mypy", *alone, "user.py"]
    checked = subprocess.run(mypy, cwd=tmp_path, env={"MYPYPATH": str(site)}, capture_output=True, text=True)
    assert '(expression has type "float", variable has type "str")' in checked.stdout


def run(*command: str, cwd: Path) -> None:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
