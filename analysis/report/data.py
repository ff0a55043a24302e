"""Everything a study's report is made of: plan, runs and audit, summarised once."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from analysis.comparison.anova import Anova, anova
from analysis.comparison.arms import ArmRow, summarise, trials_of
from analysis.comparison.claims import Answered, check
from analysis.comparison.compare import Comparison, compare
from analysis.comparison.pairing import Pairing, Recorded, pairing
from analysis.comparison.two_way import OverImages, over_images
from analysis.figures.learning_curves import curve_data
from analysis.report.traces import Json, Traces
from analysis.results.claim import Claim
from analysis.results.plan_record import SEQUENTIAL, PlanRecord
from analysis.results.report_folder import ReportFolder
from analysis.results.trials import TrialRow
from analysis.stats.multiplicity import Correction
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import from_json
from resnet_lab.trials import image_record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

WIDTH = "model.width"
"""What a matched control changes in the baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The arms by one measure taken after training."""

    name: str
    metric: str
    title: str
    failures: Sequence[str]
    """A sentence for each network that could not be measured."""
    rows: Sequence[ArmRow]


@dataclass(frozen=True, kw_only=True)
class ReportData(Traces):
    """One study at one scale. `dataclasses.replace(data, launch=...)` gives it what is known only at a launch's end."""

    plan: PlanRecord
    runs: Sequence[TrialRow]
    """In the order of the table."""
    rows: Sequence[ArmRow]
    audit: Json | None
    """audit.json, or None where the networks were not audited."""

    @classmethod
    def of(
        cls,
        plan: PlanRecord,
        runs: Sequence[TrialRow],
        audit: Json | None,
        launch: Json,
        trials_root: Path,
    ) -> Self:
        """Summarise what is in memory; files of trials in `trials_root` are read when they are asked for.

        Raises KeyError for a run without a field of the plan, and UserError for two complete runs of one arm and seed.
        """
        rows = summarise(
            runs,
            arm=tuple(plan.arm),
            context=tuple(plan.context),
            baseline=plan.baseline,
            correction=Correction(plan.correction),
        )
        return cls(
            plan=plan,
            runs=runs,
            rows=rows,
            audit=audit,
            launch=launch,
            trials_root=trials_root,
            trial_names=[str(run["trial"]) for run in runs],
        )

    @classmethod
    def read(cls, folder: ReportFolder) -> Self:
        """Read and summarise a folder. Raises UserError for one that a study did not leave whole."""
        plan, runs = folder.plan(), folder.runs()
        try:
            return cls.of(plan, runs, folder.audit(), folder.launch(), folder.trials)
        except KeyError as error:
            raise UserError(f"{folder.path} lacks {error}: run the study again, which rewrites it") from None

    @property
    def arm(self) -> tuple[str, ...]:
        """Dotted names of the fields that make an arm."""
        return tuple(self.plan.arm)

    @property
    def context(self) -> tuple[str, ...]:
        """Dotted names of the fields within whose values arms are compared."""
        return tuple(self.plan.context)

    @property
    def baseline(self) -> Mapping[str, Value]:
        return self.plan.baseline

    @property
    def margin(self) -> float:
        """Points below which a difference does not matter; 0 where the study named none."""
        return self.plan.margin

    @property
    def is_sequential(self) -> bool:
        """Whether seeds were added until decided, which tests at a fixed number of seeds do not account for."""
        return any(section.name == SEQUENTIAL for section in self.plan.sections)

    @cached_property
    def comparisons(self) -> Sequence[Comparison]:
        return compare(self.runs, self.rows, margin=self.margin)

    @cached_property
    def claims(self) -> Sequence[Answered]:
        """The study's claims on cells of the plan, answered; none where seeds were added until decided."""
        if self.is_sequential:
            return []
        return check(self.runs, [Claim.from_dict(each) for each in self.plan.claims])

    @cached_property
    def curves(self) -> "pd.DataFrame":
        """The learning curves of the arms: see `analysis.figures.learning_curves.curve_data`."""
        return curve_data(self.runs, self.histories, self.rows)

    @cached_property
    def measured(self) -> Sequence[Measured]:
        """The arms by each measure that was taken of the trained networks."""
        arm, context = self.arm, self.context
        return [
            Measured(
                name=str(each["name"]),
                metric=str(each["metric"]),
                title=str(each["title"]),
                failures=tuple(each.get("failures", ())),
                rows=summarise(
                    self.runs,
                    arm=arm,
                    context=context,
                    baseline=self.baseline,
                    metric=each["metric"],
                    correction=Correction(self.plan.correction),
                ),
            )
            for each in self.plan.measures
        ]

    @cached_property
    def pairing(self) -> Pairing:
        """Whether the arms of each seed started alike."""
        recorded = {
            name: Recorded(
                start=self.starts.get(name, {}),
                fields=json.loads(self.configs.get(name) or "{}"),
                environment=environment,
            )
            for name, environment in self.environments.items()
        }
        return pairing(self.runs, recorded, arm=self.arm, context=self.context, baseline=self.baseline)

    @cached_property
    def tables(self) -> Sequence[Anova]:
        return anova(self.designed_runs, arm=tuple(self.factors), context=self.context)

    @property
    def factors(self) -> Mapping[str, Sequence[Value]]:
        """The fields that make an arm of the design, with their levels; matched controls add another, their width."""
        if not self.plan.controls:
            return self.plan.arm
        return {name: levels for name, levels in self.plan.arm.items() if name != WIDTH}

    @property
    def designed_runs(self) -> Sequence[TrialRow]:
        """The runs without those of the matched controls, which belong to no cell of the design."""
        return [run for run in self.runs if run[WIDTH] == self.baseline[WIDTH]] if self.plan.controls else self.runs

    @property
    def designed_rows(self) -> Sequence[ArmRow]:
        """The arms without the matched controls."""
        return [row for row in self.rows if row.arm[WIDTH] == self.baseline[WIDTH]] if self.plan.controls else self.rows

    @cached_property
    def over_images(self) -> Sequence[OverImages]:
        """The arms with intervals over seeds and test images."""
        return over_images(self.rows, self.runs_of, self._image_record)

    def _image_record(self, run: TrialRow) -> "NDArray[np.bool_] | None":
        if "test/images" not in run or "test/wrong" not in run:
            return None
        folder = self.trials_root / str(run["trial"])
        return image_record.read(folder, int(run["test/images"]), int(run["test/wrong"]))

    def spec_of(self, row: ArmRow) -> RunSpec | None:
        """Return the spec of an arm's first trial that has begun; None where none has, or it is of another version."""
        texts = (self.configs.get(str(run["trial"])) for run in self.runs_of(row))
        text = next((text for text in texts if text), None)
        with suppress(UserError):
            return from_json(text) if text else None
        return None

    @cached_property
    def runs_of(self) -> Callable[[ArmRow], list[TrialRow]]:
        """Gives the runs of one arm in one context."""
        return trials_of(self.runs, self.rows)
