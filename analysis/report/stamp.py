"""Freshness of a report on disk: a launch that changed nothing leaves its page as it is."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from analysis.results.report_folder import REPORTS
from resnet_lab.system import atomic
from resnet_lab.system.cache import digest_of

FILE = "stamp.json"
LIBRARIES = ("matplotlib", "pandas", "seaborn", "numpy", "scipy")
"""What draws and computes the page besides our own code."""


def fresh_files(folder: Path, contents: Mapping[str, str], trials: Iterable[Path]) -> list[Path]:
    """Return the files of a report that a launch would write again as they are, or none where it is not fresh.

    `contents` are the texts of the tables by file name, `trials` the folders of the runs. Ask once per launch, before
    anything is written: where anything differs, the stamp is removed, so that a launch that dies before the new report
    is whole leaves none. `mark_fresh` ends the writing.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # none, or one of another version
        stamp = json.loads((folder / FILE).read_bytes())
        same = all((folder / name).read_bytes() == text.encode() for name, text in contents.items())
        if same and stamp == _stamp(folder, stamp["files"], trials):
            return [folder / name for name in stamp["files"]]
    (folder / FILE).unlink(missing_ok=True)
    return []


def mark_fresh(folder: Path, files: Iterable[Path], trials: Iterable[Path]) -> None:
    """Record what a report that is whole was made of: its files and the folders of its runs. Call it last."""
    content = _stamp(folder, [path.name for path in files], trials)
    atomic.write_json(folder / FILE, content)


def remove_stamp(folder: Path) -> None:
    """Have one report written again by the next launch."""
    (folder / FILE).unlink(missing_ok=True)


def remove_stamps(out: Path, study: str) -> None:
    """Have the reports of a study written again: its MLflow experiment has got runs that it lacked."""
    for path in (out / REPORTS).glob(f"{study}-*/{FILE}"):
        path.unlink(missing_ok=True)


def _stamp(folder: Path, names: Iterable[str], trials: Iterable[Path]) -> dict[str, object]:
    changes = json.dumps(sorted((trial.name, _changed(trial)) for trial in trials))
    return {
        "code": _code(),
        # The page names its folder and the store of its runs.
        "place": [str(folder.absolute()), os.environ.get("MLFLOW_TRACKING_URI", "")],
        "trials": hashlib.sha256(changes.encode()).hexdigest(),
        "files": {name: (folder / name).stat().st_size for name in names},
    }


def _changed(trial: Path) -> int:
    """Return when a file of a trial was last put in its place; 0 for a trial that never began."""
    try:
        return trial.stat().st_mtime_ns
    except OSError:
        return 0


@cache
def _code() -> str:
    """Return what distinguishes the analysis package and the libraries it draws with from other versions."""
    versions = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    return f"{digest_of([Path(__file__).resolve().parents[1]])} {' '.join(versions)}"
