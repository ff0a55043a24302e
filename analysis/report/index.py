"""Index of an output folder's reports: question, size, verdict line and date of each, and arms side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from analysis.comparison.arms import ArmRow
from analysis.report.data import ReportData
from analysis.report.render import render_template
from analysis.results.report_folder import REPORTS, ReportFolder
from analysis.tables.cells import errors_text
from analysis.tables.effect_words import headline
from analysis.tables.labels import full_label
from resnet_lab.errors import UserError
from resnet_lab.system import atomic

INDEX = "index.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One report of the index."""

    name: str
    """Its folder's, next to the index."""
    question: str
    size: str
    """`24 of 24 trials, 3 seeds, quick, digits`."""
    verdict: str
    """Its largest effect, with what so many seeds decided; or why the report cannot be read."""
    date: str
    page: str
    """Its page, relative to the index; empty where there is none."""
    arms: Mapping[str, str]
    """The mean error with its interval by the arm's full label, context first."""

    @classmethod
    def of(cls, folder: ReportFolder) -> Self:
        """Read one report. One that cannot be read is an entry that says so: the others are not lost for it."""
        page = f"{folder.path.name}/report.html" if (folder.path / "report.html").is_file() else ""
        facts: dict[str, Any] = {"name": folder.path.name, "page": page, "date": _date(folder.path)}
        try:
            return cls(**facts, **_search(folder)) if folder.is_search else cls(**facts, **_study(folder))
        except (UserError, KeyError, TypeError, ValueError) as error:
            return cls(**facts, question="", size="", verdict=f"cannot be read: {error}", arms={})


def entries(out: Path) -> list[Entry]:
    """Return the reports of an output folder, the newest first."""
    root = out / REPORTS
    folders = [ReportFolder(path) for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []
    found = [Entry.of(folder) for folder in folders if folder.is_whole]
    return sorted(found, key=lambda entry: entry.date, reverse=True)


def write_index(out: Path) -> Path:
    """Write `<out>/reports/index.html` anew and return its path."""
    found = entries(out)
    arms = list(dict.fromkeys(arm for entry in found for arm in entry.arms))
    path = out / REPORTS / INDEX
    text = render_template("index.html.j2", entries=found, arms=arms, title="Studies")
    atomic.write(path, text.encode())
    return path


def index_lines(found: Sequence[Entry]) -> Iterator[str]:
    """Yield the index as text: a name with its date, and below it question, size and verdict line."""
    for entry in found:
        yield f"{entry.name}  {entry.date}"
        yield from (f"    {text}" for text in (entry.question, entry.size, entry.verdict) if text)


def _study(folder: ReportFolder) -> dict[str, Any]:
    data = ReportData.of(folder.plan(), folder.runs(), None, {}, folder.trials)
    done, plan = sum(row.n for row in data.rows), data.plan
    seeds = f"{len(plan.seeds)} seed{'s' if len(plan.seeds) != 1 else ''}"
    return {
        "question": plan.question,
        "size": f"{done} of {len(data.runs)} trials, {seeds}, {plan.scale}, {plan.dataset}",
        "verdict": headline(data.rows, data.baseline),
        "arms": {_arm(row): errors_text(row) for row in data.rows},
    }


def _arm(row: ArmRow) -> str:
    return full_label({**row.context, **row.arm})


def _search(folder: ReportFolder) -> dict[str, Any]:
    content, trials = folder.search(), folder.runs()
    return {
        "question": str(content.get("question", "")),
        "size": f"open search of {len(trials)} trials",
        "verdict": "compares no arms: its page lists what it found",
        "arms": {},
    }


def _date(folder: Path) -> str:
    """Return when the report was last written; a report's own files are put in place anew."""
    newest = max((path.stat().st_mtime for path in folder.glob("*.json")), default=0.0)
    return datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%d %H:%M UTC")
