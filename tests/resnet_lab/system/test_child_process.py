import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, os, sys
print("the script runs")
from resnet_lab.system import child_process

if __name__ == "__main__":
    process = multiprocessing.get_context(sys.argv[1]).Process(target=os.mkdir, args=(sys.argv[2],))
    child_process.start(process)
    process.join()
    assert sys.modules["__main__"].__file__ == __file__
    raise SystemExit(process.exitcode)
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_child_runs_its_target_and_not_the_script_again(tmp_path: Path, method: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-W", "error", str(tmp_path / "script.py"), method, str(tmp_path / "made")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["the script runs"]
    assert (tmp_path / "made").is_dir()
