"""The frozen plan: what a launch sets out to do, written to its reports' folders before the first trial."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.results.analysis_plan import FILE, HISTORY, TRIALS, differences, freeze, read_plans, trials_of
from analysis.results.report_folder import REPORTS
from resnet_lab.errors import UserError
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.outcomes import Reason
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.trials.notices import rename_damaged
from studies.plan.claims import claims_of
from studies.plan.plan import Plan, comparisons

Json = Mapping[str, Any]
ALPHA = 0.05
MAX_SHOWN = 60
"""Characters of a field that a line on a changed plan shows."""
DIVERGED = "a diverged seed is the worst outcome: no mean, exact signed ranks"
FIXED = {
    "metric": TEST_ERROR,
    "unit": "seed",
    "p": "two-sided paired t test, n - 1 df",
    "diverged": DIVERGED,
    "correction": "Holm",
}
SEQUENTIAL = {
    "metric": TEST_ERROR,
    "unit": "seed",
    "p": "intervals of paired differences, corrected for looks and comparisons",
    "diverged": DIVERGED,
    "correction": "looks x comparisons",
}


def comparison_plan(plan: Plan, *, mode: str, looks: Sequence[int] = (), tuning: Json | None = None) -> dict[str, Any]:
    """Return what a comparison of arms sets out to do.

    `looks` are the seeds at each look, where there are looks; `tuning` is the search in each arm, where there is one.
    """
    family = {"family": len(comparisons(plan)), "alpha": ALPHA}
    unit = {"unit": "the mean of the seeds that share a split or a search"} if plan.seeds_share else {}
    correction = {} if looks else {"correction": plan.correction.label}
    equivalence = {"equivalence": "two one-sided tests, Holm"} if plan.margin and not looks else {}
    return {
        "study": plan.study.name,
        "scale": plan.scale,
        "dataset": plan.cells[0].data.name.value,
        "mode": mode,
        "design": plan.design.value,
        "arms": _unique(plan.arm_of(cell) for cell in plan.cells),
        "baseline": plan.baseline(),
        "contexts": _unique(plan.context_of(cell) for cell in plan.cells),
        "fixed": common_fields(plan.cells, varied=(*plan.arm, *plan.context)),
        "seeds": list(plan.seeds),
        "looks": list(looks),
        "margin": plan.margin,
        **({"splits": plan.splits} if plan.splits > 1 else {}),
        "tests": {**(SEQUENTIAL if looks else FIXED), **unit, **correction, **family, **equivalence},
        **({"tuning": dict(tuning)} if tuning else {}),
        "claims": [claim.as_dict() for claim in claims_of(plan)],
        # Tuned cells have values that nobody knows yet.
        TRIALS: [] if tuning else sorted(trial_name(run) for run in plan.runs()),
    }


def common_fields(cells: Sequence[RunSpec], varied: Iterable[str] = ()) -> dict[str, Value]:
    """Return the fields that differ from their defaults and are the same in every cell."""
    defaults, every = flatten(RunSpec()), [flatten(cell) for cell in cells]
    left_out = {*varied, "seed"}
    return {
        name: value
        for name, value in every[0].items()
        if name not in left_out and value != defaults[name] and all(flat[name] == value for flat in every)
    }


def _unique(parts: Iterable[Mapping[str, Value]]) -> list[dict[str, Value]]:
    return list({tuple(part.items()): dict(part) for part in parts if part}.values())


def set_aside_unreadable(titles: Iterable[str], out: Path) -> list[str]:
    """Rename the plans of reports that cannot be read, so that none is lost; return a line for each report.

    Today's plan is then frozen with the number of results it came after. Raises UserError where a file may not be read.
    """
    lines = []
    for title, files in plan_files(titles, out).items():
        try:
            read_plans(out / REPORTS / title)
        except UserError:
            if not all(os.access(path, os.R_OK) for path in files):
                raise
            kept = " and ".join(rename_damaged(path).name for path in files)
            lines.append(f"the frozen plan of {title} is damaged: set aside as {kept}, and today's is frozen")
    return lines


def freeze_plans(plans: Mapping[str, Json], out: Path) -> list[Path]:
    """Freeze the plan of each report, by its title, and return the files that are new."""
    written: list[Path] = []
    for title, plan in plans.items():
        folder = out / REPORTS / title
        known = trials_of(read_plans(folder)) | set(plan[TRIALS])
        root = out / "trials"
        known |= {path.name for seed in _search_seeds(plan) for path in root.glob(f"*-seed{seed}")}
        written += freeze(folder, plan, results=sum(_has_result(root / name) for name in known))
    return written


def _search_seeds(plan: Json) -> Sequence[int]:
    """Return the seeds of a plan's searches, whose trials are not known beforehand."""
    search = plan.get("tuning", plan)
    return search["seed"] if isinstance(search.get("seed"), list) else [search["seed"]] if "seed" in search else []


def change_lines(plans: Mapping[str, Json], out: Path) -> list[str]:
    """Return a line for each report whose plan was another one: the fields that differ, `seeds [0, 1] -> [0]`."""
    lines = []
    for title, plan in plans.items():
        frozen = read_plans(out / REPORTS / title)
        found = differences(frozen.last.plan, json.loads(json.dumps(plan))) if frozen else {}
        if found:
            fields = "; ".join(f"{name} {_short(old)} -> {_short(new)}" for name, (old, new) in found.items())
            lines.append(f"the plan of {title} has changed: {fields}. Its report becomes that of the new plan")
    return lines


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def plan_files(titles: Iterable[str], out: Path) -> dict[str, list[Path]]:
    """Return the files of each report's plans, by its title."""
    folders = {title: out / REPORTS / title for title in titles}
    return {title: [f / name for name in (FILE, HISTORY) if (f / name).exists()] for title, f in folders.items()}


def _has_result(folder: Path) -> bool:
    """Whether a trial has shown data: it is complete, or it diverged. A fault of the machine shows none."""
    if (folder / "result.json").exists():
        return True
    failure = folder / "failure.json"
    return failure.is_file() and f'"{Reason.DIVERGED.value}"'.encode() in failure.read_bytes()
