"""Whether a report on disk is what would be written now: a launch that ran nothing leaves its page as it is."""

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
"""What draws and computes the page beside our own code."""


def kept_files(folder: Path, contents: Mapping[str, str], trials: Iterable[Path]) -> list[Path]:
    """Return the files of a report that a launch would write again as they are, or none.

    `contents` are the texts of the tables by file name, `trials` the folders of the runs. Where anything differs, the
    stamp is removed, so that a launch that dies before the new report is whole leaves none.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # none, or one of another version
        known = json.loads((folder / FILE).read_bytes())
        same = all((folder / name).read_bytes() == text.encode() for name, text in contents.items())
        if same and known == _stamp(folder, known["files"], trials):
            return [folder / name for name in known["files"]]
    (folder / FILE).unlink(missing_ok=True)
    return []


def is_stamped(folder: Path) -> bool:
    """Return whether the folder's report is whole and has not been begun anew."""
    return (folder / FILE).is_file()


def remove_stamps(out: Path, study: str) -> None:
    """Have the reports of a study written anew: the store of its runs has got some that it lacked."""
    for path in (out / REPORTS).glob(f"{study}-*/{FILE}"):
        path.unlink(missing_ok=True)


def stamp(folder: Path, files: Iterable[Path], trials: Iterable[Path]) -> None:
    """Note what a report that is whole was made of. Call it last."""
    content = _stamp(folder, [path.name for path in files], trials)
    atomic.write(folder / FILE, (json.dumps(content, indent=2) + "\n").encode())


def _stamp(folder: Path, names: Iterable[str], trials: Iterable[Path]) -> dict[str, object]:
    seen = json.dumps(sorted((trial.name, _changed(trial)) for trial in trials))
    return {
        "code": _code(),
        # The page names its folder and the store of its runs.
        "place": [str(folder.absolute()), os.environ.get("MLFLOW_TRACKING_URI", "")],
        "trials": hashlib.sha256(seen.encode()).hexdigest(),
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
    """Return what tells the analysis package and the libraries it draws with from other versions."""
    versions = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    return f"{digest_of([Path(__file__).resolve().parents[1]])} {' '.join(versions)}"
