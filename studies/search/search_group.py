"""A group of searches, each with a budget of its own: what one arm finds does not reach another's search."""

from collections.abc import Mapping, Sequence
from typing import Any

from resnet_lab.spec.choices import Value
from resnet_lab.trials.trial import Trial
from studies.search.optuna_search import Search


class SearchGroup:
    """The trial store and searcher of a launch's searches; the one that is furthest behind proposes first."""

    def __init__(self, searches: Sequence[Search]) -> None:
        self._searches = searches
        self._owner: dict[str, Search] = {}

    @property
    def budget(self) -> int:
        return sum(search.budget for search in self._searches)

    def propose(self) -> Trial | None:
        for search in sorted(self._searches, key=lambda search: search.spent):
            trial = search.propose()
            if trial is not None:
                self._owner[trial.name] = search
                return trial
        return None

    def is_complete(self, trial: Trial) -> bool:
        return self._owner[trial.name].is_complete(trial)

    def failures(self, trial: Trial) -> int:
        return self._owner[trial.name].failures(trial)

    def start(self, trial: Trial, fields: Mapping[str, Value]) -> None:
        self._owner[trial.name].start(trial, fields)

    def report(self, trial: Trial, records: Sequence[Mapping[str, float]]) -> None:
        self._owner[trial.name].report(trial, records)

    def should_prune(self, trial: Trial) -> bool:
        return self._owner[trial.name].should_prune(trial)

    def complete(self, trial: Trial, result: Mapping[str, Any]) -> None:
        self._owner[trial.name].complete(trial, result)

    def fail(self, trial: Trial, reason: str) -> None:
        self._owner[trial.name].fail(trial, reason)

    def prune(self, trial: Trial) -> None:
        self._owner[trial.name].prune(trial)
