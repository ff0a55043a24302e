"""Mirror of a trial's folder on another machine: which files changed since the last look, and writing them down.

A file travels with the time it was last written, which a result is signed with. Files are written one by one, each
atomically, and the result last: what there is of a trial at any moment is a trial that can go on, or is complete.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from resnet_lab.system import atomic

File = tuple[bytes, int]
"""A file's content, and when it was last written, in nanoseconds."""
Files = dict[str, File | None]
"""Files of a folder by name; None for one that is gone."""

STATE = "resume.pt"
STAYS = frozenset({"worker.lock", f"{STATE}.1"})
"""What is of no use elsewhere: the lock, and the state before the last."""
LAST = ("failure.json", "result.json")
SMALL_STATE = 2**22
LARGE_STATE_EVERY_S = 60.0
"""A state of more bytes travels once a minute at most: that of WRN-28-10 has 290 MB, and an epoch may take seconds."""


class Mirror:
    """A folder that another machine has a copy of: `changes` since the last call, but for states that can wait."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, int]] = {}
        self._state_at = -LARGE_STATE_EVERY_S

    def changes(self, *, final: bool = False) -> Files:
        """Return what changed. At the end, with `final`, nothing waits, and what is gone counts as a change.

        Before the end a file that is gone is one that is being replaced.
        """
        names = _names(self._folder)
        found: Files = {}
        for name in names:
            file = self._changed(name, final=final)
            if file is not None:
                found[name] = file
        if final:
            found |= dict.fromkeys(self._seen.keys() - names)
        return found

    def _changed(self, name: str, *, final: bool) -> File | None:
        path = self._folder / name
        with contextlib.suppress(FileNotFoundError):  # replaced at this moment: the next look has it
            status = path.stat()
            mark = (status.st_mtime_ns, status.st_size)
            if self._seen.get(name) == mark or (name == STATE and not final and self._waits(status.st_size)):
                return None
            content = path.read_bytes()
            self._seen[name] = mark
            if name == STATE:
                self._state_at = time.monotonic()
            return content, status.st_mtime_ns
        return None

    def _waits(self, size: int) -> bool:
        return size > SMALL_STATE and time.monotonic() - self._state_at < LARGE_STATE_EVERY_S


def read_files(folder: Path) -> Files:
    """Return every file of a trial's folder that another machine needs to go on; none where there is no folder."""
    return Mirror(folder).changes()


def write_files(folder: Path, files: Mapping[str, File | None]) -> None:
    """Write files to a folder, a result last, and remove those that are gone. Raises OSError, DiskFullError."""
    if files:
        folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: (name in LAST, name)):
        path, file = folder / Path(name).name, files[name]  # of this folder, whatever the other machine says
        if file is None:
            path.unlink(missing_ok=True)
            continue
        content, written = file
        atomic.write(path, content)
        os.utime(path, ns=(written, written))


def _names(folder: Path) -> set[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return {
            entry.name
            for entry in os.scandir(folder)
            if entry.is_file() and entry.name not in STAYS and not entry.name.startswith(".")
        }
    return set()
