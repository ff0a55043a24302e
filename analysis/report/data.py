"""Everything a report is made of, read once from a study's folder."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.comparison.anova import Anova, anova
from analysis.comparison.arms import ArmRow, summarise, trials_of
from analysis.comparison.compare import Comparison, compare
from analysis.results.report_folder import ReportFolder
from analysis.results.trials import TrialRow
from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What trials left in their folders, by the trial's name, and what the last launch knew."""

    launch: Json
    histories: Mapping[str, Sequence[Json]]
    environments: Mapping[str, Json]
    configs: Mapping[str, str]
    """The text of each trial's config.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData(Traces):
    """One study at one scale, summarised."""

    plan: Json
    arm: tuple[str, ...]
    context: tuple[str, ...]
    baseline: Mapping[str, Value]
    runs: Sequence[TrialRow]
    rows: Sequence[ArmRow]
    margin: float
    """Points below which a difference does not matter, as the study was told; 0 where it was not."""
    comparisons: Sequence[Comparison]
    tables: Sequence[Anova]
    audit: Json | None

    runs_of: Callable[[ArmRow], list[TrialRow]]
    """Gives the runs of one arm in one context."""


def read_data(folder: ReportFolder) -> ReportData:
    """Read and summarise. Raises UserError for a folder that a study did not leave whole."""
    plan, runs = folder.plan(), folder.runs()
    try:
        arm, context, baseline = tuple(plan["arm"]), tuple(plan["context"]), plan["baseline"]
        margin = float(plan.get("margin") or 0)
        rows = summarise(runs, arm=arm, context=context, baseline=baseline)
        names = [str(run["trial"]) for run in runs]
    except KeyError as error:
        raise UserError(f"{folder.path} lacks {error}: run the study again, which writes it anew") from None
    return ReportData(
        plan=plan,
        arm=arm,
        context=context,
        baseline=baseline,
        runs=runs,
        rows=rows,
        runs_of=trials_of(runs, rows),
        margin=margin,
        comparisons=compare(runs, rows, margin=margin),
        tables=anova(runs, arm=arm, context=context),
        audit=folder.audit(),
        **traces(folder, names),
    )


def traces(folder: ReportFolder, names: Iterable[str]) -> dict[str, Any]:
    """Return the fields of `Traces` for the trials of those names."""
    root, every = folder.trials, tuple(dict.fromkeys(names))
    return {
        "launch": folder.launch(),
        "histories": {name: _lines(_text(root / name / "history.jsonl")) for name in every},
        "environments": {name: env for name in every if (env := _object(_text(root / name / "env.json")))},
        "configs": {name: text for name in every if (text := _text(root / name / "config.json"))},
    }


def _text(path: Any) -> str:
    """A trial that never began, or was removed since, leaves its part of the report empty."""
    try:
        text: str = path.read_text()
    except OSError:
        return ""
    return text


def _object(text: str) -> Json:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _lines(text: str) -> list[Json]:
    return [record for line in text.splitlines() if (record := _object(line))]
