"""A folder of a user's that hides a package of ours is named; one that is no package hides nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("is_package", [True, False])
def test_a_folder_named_as_ours_beside_a_command_is_named(tmp_path, is_package):
    (tmp_path / "analysis").mkdir()
    if is_package:
        (tmp_path / "analysis" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-m", "studies.bn_placement", "--help"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == (2 if is_package else 0), done.stderr
    if is_package:
        assert done.stderr == (
            f"error: {tmp_path / 'analysis'} hides the package analysis of resnet-lab: rename it, or run elsewhere\n"
        )
