"""Everything the report of an open search is made of: search.json and the files of its trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from analysis.figures.search.axes import Axis
from analysis.report.traces import Json, Traces
from analysis.results.report_folder import SEARCH, ReportFolder
from resnet_lab.errors import UserError
from resnet_lab.metrics import VAL_ERROR
from resnet_lab.outcomes import Status

NEEDED = ("study", "question", "scale", "dataset", "algorithm", "pruner", "budget", "epochs", "seed", "importance")


@dataclass(frozen=True, kw_only=True)
class SearchData(Traces):
    """One search. `trials` are in the order of proposal, each as search.json has it."""

    content: Json
    """search.json: question, space, settings, winner and trials."""
    space: Sequence[Axis]
    trials: Sequence[Json]

    @classmethod
    def of(cls, content: Json, launch: Json, trials_root: Path) -> Self:
        """Return the search that is in memory as search.json has it. Raises KeyError where a key is missing."""
        missing = [name for name in NEEDED if name not in content]
        if missing:
            raise KeyError(missing[0])
        trials: Sequence[Mapping[str, Any]] = content["trials"]
        return cls(
            content=content,
            space=tuple(map(Axis.of, content["space"])),
            trials=trials,
            launch=launch,
            trials_root=trials_root,
            trial_names=[str(row["trial"]) for row in trials if row["trial"]],
        )

    @classmethod
    def read(cls, folder: ReportFolder) -> Self:
        """Read a search. Raises UserError for a folder that one did not leave whole."""
        content = folder.search()
        try:
            return cls.of(content, folder.launch(), folder.trials)
        except KeyError as error:
            place = folder.path / SEARCH
            raise UserError(f"{place} lacks {error}: run the search again, which rewrites it") from None

    @property
    def ranked(self) -> list[Json]:
        """The complete trials by validation error, the least first; a run proposed twice counts once."""
        complete = [row for row in self.trials if row["state"] == Status.COMPLETE]
        once = {row["trial"]: row for row in reversed(complete)}
        return sorted(once.values(), key=lambda row: (row[VAL_ERROR], row["number"]))

    @property
    def unfinished(self) -> list[Json]:
        """The trials without a final error, in the order of proposal."""
        return [row for row in self.trials if row["state"] != Status.COMPLETE]

    def values(self, row: Json) -> dict[str, Any]:
        """Return the values of a trial, by field."""
        return {axis.field: row[axis.field] for axis in self.space}
