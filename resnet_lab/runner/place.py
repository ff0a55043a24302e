"""The folder of a launch: whether it and its databases are still those that the launch began in."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from resnet_lab.errors import UserError
from resnet_lab.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class Place:
    """What a launch found in its output folder, by device and inode: a path alone may have been made again."""

    folder: Path | None
    found: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "Place":
        """Return the place of these trials; without any there is nothing to watch."""
        if not trials:
            return cls(None)
        folder = trials[0].root.parent
        paths = [folder, trials[0].root, *sorted(folder.glob("*.db"))]
        return cls(folder, {path: identity for path in paths if (identity := _identity(path))})

    @property
    def is_there(self) -> bool:
        """Whether all that was found is there still; what cannot be looked at now counts as there."""
        try:
            return all(_identity(path) == identity for path, identity in self.found.items())
        except OSError:  # a file server that does not answer for a while
            return True

    def require(self, cause: BaseException | None = None) -> None:
        """Raise UserError where it was deleted or moved: open databases would be written to nowhere.

        `cause` is the error that came of it.
        """
        if not self.is_there:
            raise UserError(f"{self.folder} was deleted or moved in mid-run, and with it what was finished") from cause


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of a path, None where it is not; raises OSError where that cannot be told."""
    with suppress(FileNotFoundError, NotADirectoryError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None
