"""One adaptive search over Optuna: a study and a budget of its own, and a pruner that compares its own trials only.

The value is the validation error; nothing here reads a test error. A proposal is a function of the results so far and
of its number, so a search that was interrupted goes on as if it had not been (with one trial at a time; with more,
which results there are depends on which trial ends first).
"""

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from resnet_lab.data.catalog import steps_per_epoch, train_images
from resnet_lab.errors import RefusedError
from resnet_lab.metrics import VAL_ERROR, Better, metric
from resnet_lab.outcomes import Reason, reason_of
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten, replace
from resnet_lab.spec.fingerprint import cell_fingerprint
from resnet_lab.trials.trial import Trial
from studies.plan.options import Algorithm, Pruner
from studies.plan.spaces import Space, start_of
from studies.search.samplers import make_pruner, make_sampler

if TYPE_CHECKING:
    import optuna
    from optuna.trial import TrialState

SEED = 10_000
"""The seed of every search's trials, so that all are tuned on the same draws; no comparison may use it. Further
searches of an arm have the numbers after it."""
MAX_REFUSED = 10  # invalid proposals per trial of the budget before a search gives up


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a search is: where it starts, what it may change, how it draws, what it stops, how many trials it has."""

    base: RunSpec
    """The run whose fields are replaced; its seed is SEED, or one after it."""
    space: Space
    budget: int
    epochs: int
    algorithm: Algorithm = Algorithm.TPE
    pruner: Pruner = Pruner.MEDIAN


class Search:
    """One search, which is the trial store and the searcher of its trials: see `resnet_lab.runner.trial_store`."""

    def __init__(self, study: "optuna.Study", settings: Settings, root: Path) -> None:
        self.settings, self._study, self._root = settings, study, root
        self._open: dict[str, list[optuna.Trial]] = {}
        self._failures: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._at_end: set[str] = set()
        self._reported: dict[str, set[float]] = {}  # epochs by trial: Optuna would read its database for them
        self._halted = False  # the user has something to mend: what is proposed now would only fail as well
        start = start_of(settings.space, flatten(settings.base))
        if start and not self.trials():
            study.enqueue_trial(start)  # the recipe as it is: what the search finds is to beat it
        self._reconcile()

    @classmethod
    def open(cls, storage: str, name: str, settings: Settings, root: Path) -> "Search":
        """Open or create the study of that name. The caller holds the driver's lock."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = make_pruner(settings.pruner, settings.budget, settings.epochs)
        study = optuna.create_study(
            storage=storage, study_name=name, load_if_exists=True, pruner=pruner, direction=_direction()
        )
        return cls(study, settings, root)

    @property
    def budget(self) -> int:
        """How many trials are left to propose."""
        return self._left(self.trials())

    def _left(self, trials: "Sequence[optuna.trial.FrozenTrial]") -> int:
        return max(0, self.settings.budget - self._paid(trials))

    @property
    def spent(self) -> int:
        """How many trials the budget has paid for: those that ended by themselves or were pruned, and those open."""
        return self._paid(self.trials())

    def _paid(self, trials: "Sequence[optuna.trial.FrozenTrial]") -> int:
        unpaid = (Reason.INTERRUPTED, Reason.REFUSED)
        return self.running + sum(each.state.is_finished() and _reason(each) not in unpaid for each in trials)

    @property
    def running(self) -> int:
        return sum(map(len, self._open.values()))

    def trials(self) -> "list[optuna.trial.FrozenTrial]":
        """Return every trial of the study in the order of proposal."""
        return self._study.get_trials(deepcopy=False)

    def best(self) -> "optuna.trial.FrozenTrial | None":
        """Return the complete trial of the least validation error, the first of equals; None where there is none."""
        from optuna.trial import TrialState

        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return min(complete, key=lambda each: (each.values[0], each.number), default=None)

    def chosen(self) -> dict[str, Value]:
        """Return the best trial's values by field, or nothing where none is complete."""
        best = self.best()
        return {} if best is None else dict(best.params)

    def propose(self) -> Trial | None:
        from optuna.trial import TrialState

        while not self._halted and self._may_propose(trials := self.trials()):  # read once: each reads the database
            asked = self._ask(len(trials))
            try:
                spec = replace(self.settings.base, {each.field: each.suggest(asked) for each in self.settings.space})
            except RefusedError:
                asked.set_user_attr("reason", Reason.REFUSED.value)
                self._study.tell(asked, state=TrialState.PRUNED)  # counts as bad, so that TPE moves away
                continue
            trial = Trial(root=self._root, spec=spec)
            asked.set_user_attr("trial", trial.name)
            self._failures[trial.name] = asked.user_attrs.get("failures", 0)
            if trial.name in self._open:  # the same run is under way: its end will be this one's, too
                self._open[trial.name].append(asked)
                continue
            self._open[trial.name], self._reported[trial.name] = [asked], set()
            return trial
        return None

    def _may_propose(self, trials: "Sequence[optuna.trial.FrozenTrial]") -> bool:
        refused = sum(_reason(each) == Reason.REFUSED for each in trials)
        return self._left(trials) > 0 and refused < MAX_REFUSED * self.settings.budget

    def _ask(self, number: int) -> "optuna.Trial":
        settings = self.settings
        self._study.sampler = make_sampler(settings.algorithm, self._study.study_name, number, settings.budget)
        return self._study.ask()

    def is_complete(self, trial: Trial) -> bool:
        return trial.name not in self._open

    def failures(self, trial: Trial) -> int:
        return self._failures[trial.name]

    def start(self, trial: Trial, fields: Mapping[str, Value]) -> None:
        """A trial is entered when it is proposed."""

    def report(self, trial: Trial, records: Sequence[Mapping[str, float]]) -> None:
        first, known = self._open[trial.name][0], self._reported[trial.name]
        for record in records:
            if record["epoch"] not in known and math.isfinite(record[VAL_ERROR]):
                first.report(record[VAL_ERROR], int(record["epoch"]))
                known.add(record["epoch"])
        if records[-1]["iteration"] >= trial.spec.recipe.iterations:
            self._at_end.add(trial.name)

    def should_prune(self, trial: Trial) -> bool:
        return trial.name not in self._at_end and bool(self._open[trial.name][0].should_prune())

    def complete(self, trial: Trial, result: Mapping[str, Any]) -> None:
        for asked in self._open.pop(trial.name):
            self._study.tell(asked, result[VAL_ERROR])

    def fail(self, trial: Trial, reason: str) -> None:
        """Record a failure; a trial that is tried again stays open. A diverged one counts as bad, not as unknown."""
        from optuna.trial import TrialState

        kind = reason_of(reason)
        self._losses[trial.name] += kind == Reason.NODE_LOST
        self._failures[trial.name] += kind.is_charged
        again = kind.is_retried(self._failures[trial.name], self._losses[trial.name])
        if not again and not kind.is_charged and kind != Reason.NODE_LOST:
            self._halted = self._halted or kind == Reason.USER_ERROR
            for asked in self._open.pop(trial.name):
                self._give_back(asked.number, asked.params, asked.user_attrs)
            return
        for asked in self._open[trial.name]:
            asked.set_user_attr("failures", self._failures[trial.name])
        if not again:
            self._close(trial, TrialState.PRUNED if kind == Reason.DIVERGED else TrialState.FAIL, reason)

    def prune(self, trial: Trial) -> None:
        from optuna.trial import TrialState

        self._close(trial, TrialState.PRUNED, Reason.PRUNED)

    def _close(self, trial: Trial, state: "TrialState", reason: str) -> None:
        for asked in self._open.pop(trial.name):
            asked.set_user_attr("reason", str(reason))
            self._study.tell(asked, state=state)

    def _reconcile(self) -> None:
        """Take back what an earlier driver left running: whoever holds the lock knows that it is dead."""
        from optuna.trial import TrialState

        for each in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._give_back(each.number, each.params, each.user_attrs)

    def _give_back(self, number: int, params: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
        """Close a proposal that was interrupted and propose the same again; its epochs are on disk."""
        from optuna.trial import TrialState

        self._study.tell(number, state=TrialState.FAIL)
        self._study.enqueue_trial(dict(params), user_attrs={"failures": attributes.get("failures", 0)})


def _direction() -> "Literal['minimize', 'maximize']":
    return "minimize" if metric(VAL_ERROR).better == Better.LOWER else "maximize"


def _reason(trial: "optuna.trial.FrozenTrial") -> str | None:
    """Return why a trial has no value; a failure without a reason was left by a driver that died."""
    from optuna.trial import TrialState

    reason: str | None = trial.user_attrs.get("reason")
    return Reason.INTERRUPTED if reason is None and trial.state == TrialState.FAIL else reason


def epochs_of(spec: RunSpec) -> int:
    return math.ceil(spec.recipe.iterations / steps_per_epoch(train_images(spec.data), spec.recipe.batch_size))


def study_name(kind: str, settings: Settings) -> str:
    """Return a name that only the same base, space, algorithm and pruner share."""
    space = f"{zlib.crc32(repr(settings.space).encode()):08x}"
    further = f"/seed{settings.base.seed}" if settings.base.seed != SEED else ""
    return f"{kind}/{cell_fingerprint(settings.base)}/{space}/{settings.algorithm}/{settings.pruner}{further}"
