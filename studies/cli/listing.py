"""Studies with question, arms, cost at each scale and last run, for `python -m studies`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from resnet_lab.listings.commands import run_file, run_module
from resnet_lab.listings.output import JsonOption, Row, print_entries, print_json
from resnet_lab.system.command import parse, reporting
from studies.plan.options import Options as StudyOptions
from studies.plan.plan import make_plan
from studies.plan.study import Study, find_study, questions, require_question

SCALES = ("quick", "cpu", "paper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(JsonOption):
    """Options of the listing."""

    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Folder whose reports are looked up."""


def main(argv: Sequence[str]) -> None:
    """List the studies, or run the one that is named: `python -m studies NAME ...` is `python -m studies.NAME ...`.

    A file of one's own runs as `python FILE ...` does. Exits with 2 for a mistake of the user's.
    """
    with reporting():
        if argv and not argv[0].startswith("-"):
            if argv[0].endswith(".py"):
                run_file(Path(argv[0]), argv[1:])
                return
            require_question(argv[0])
            run_module(f"studies.{argv[0]}", argv[1:])
            return
        description = "Every study: question, arms, cost, last run. `python -m studies NAME ...` runs one."
        options = parse(Options, prog="python -m studies", description=description, argv=argv)
        rows = [study_row(name, options.out) for name in questions()]
        if options.json:
            print_json(rows)
        else:
            print_entries([_entry(row) for row in rows])


def study_row(name: str, out: Path) -> Row:
    """Return name, question, arms by scale, cost by scale, and the last run under `out`, None where there is none."""
    study, costs = find_study(name), documented_costs(name)
    scales = {scale: scale_row(study, scale, costs.get(scale)) for scale in SCALES if scale in study.scales}
    return {"name": name, "question": study.question, "scales": scales, "last_run": last_run(name, out)}


def scale_row(study: Study, scale: str, cost: str | None) -> Row:
    """Return what a scale trains: data set, levels of the arms and of their context, runs, steps of a run, cost."""
    plan = make_plan(study, StudyOptions(scale=scale))  # type: ignore[arg-type]  # one of SCALES
    steps = [cell.recipe.iterations for cell in plan.cells]
    return {
        "dataset": plan.cells[0].data.name.value,
        "arm": {name: list(levels) for name, levels in plan.arm.items()},
        "context": {name: list(levels) for name, levels in plan.context.items()},
        "arms": len({tuple(plan.arm_of(cell).items()) for cell in plan.cells}),
        "runs": len(plan.runs()),
        "iterations": max(steps),
        "cost": cost,
    }


def documented_costs(name: str) -> Mapping[str, str]:
    """Return {scale: its cost in words} from the command lines of a study's docstring."""
    text = import_module(f"studies.{name}").__doc__ or ""
    line = rf"^ +python -m studies\.{name}(?: --scale (\w+))?(?: --data-dir DIR)?  +(\S.*)$"
    return {scale or "quick": cost for scale, cost in re.findall(line, text, re.MULTILINE)}


def last_run(name: str, out: Path) -> Row | None:
    """Return report, folder and time of the study's newest report under `out`, None where it has none."""
    from analysis.results.report_folder import find_reports
    from resnet_lab.errors import UserError

    try:
        reports = find_reports(name, out)
    except UserError:
        return None
    newest = max((report.path for report in reports), key=_ended)
    ended = datetime.fromtimestamp(_ended(newest)).astimezone().isoformat(timespec="seconds")
    return {"report": newest.name, "folder": str(newest), "ended": ended}


def _ended(report: Path) -> float:
    """Return when a report's files were written last, in seconds since the epoch."""
    return max((file.stat().st_mtime for file in report.iterdir()), default=report.stat().st_mtime)


def _entry(row: Row) -> tuple[str, dict[str, str]]:
    scales = row["scales"]
    first = next(iter(scales.values()))
    texts = {"arms": _levels(first["arm"]), "within": _levels(first["context"])}
    texts |= {name: _cost(scale) for name, scale in scales.items()}
    last = row["last_run"]
    texts["last run"] = f"{last['report']}, {last['ended'][:16].replace('T', ' ')}" if last else ""
    return f"{row['name']}: {row['question']}", texts


def _levels(levels: Mapping[str, Sequence[Any]]) -> str:
    return "; ".join(f"{name.rpartition('.')[2]} {', '.join(map(str, values))}" for name, values in levels.items())


def _cost(scale: Row) -> str:
    runs = f"{scale['runs']} runs of {scale['iterations']:,} steps on {scale['dataset']}"
    if not scale["cost"]:
        return runs
    return f"{scale['cost']} ({scale['dataset'] if ' runs of ' in scale['cost'] else runs})"
