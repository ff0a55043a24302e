"""Post-hoc measures: what is measured on the trained networks of a study, in a table of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_lab.system import atomic
from resnet_lab.trials.trial import Trial
from studies.plan.options import Options
from studies.plan.plan import Plan

Measure = Callable[[Trial, Path | None], Mapping[str, float]]
"""Takes a complete trial and the folder of the data set; returns metrics by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostHoc:
    """One measure. It is taken once per trial and kept in the trial's folder as `<name>.json`."""

    name: str
    metric: str
    """The metric that the table is of, one of those that `measure` returns."""
    title: str
    measure: Measure

    def report(self, plan: Plan, trials: Sequence[Trial], options: Options) -> None:
        """Measure every complete trial, print the table by arm and write it next to the study's tables.

        `plan` is the audited one, so that merged cells are not taken for missing ones.
        """
        from rich.console import Console

        from analysis.comparison.arms import summarise
        from analysis.tables.table import markdown, render
        from studies.results.outcomes import outcomes

        by_name = {trial.name: trial for trial in trials}
        runs = [{**run, **self._measured(by_name[str(run["trial"])], options)} for run in outcomes(plan, trials)]
        rows = summarise(
            runs, arm=tuple(plan.arm), context=tuple(plan.context), baseline=plan.baseline(), metric=self.metric
        )
        console = Console()
        console.print(render(rows, title=self.title, width=console.width))
        folder = options.out / "reports" / plan.title
        atomic.write(folder / f"{self.name}.md", markdown(rows).encode())
        atomic.write_json(folder / f"{self.name}.json", runs)

    def _measured(self, trial: Trial, options: Options) -> Mapping[str, Any]:
        """Return the trial's metrics, from its folder where it was measured before."""
        path = trial.folder / f"{self.name}.json"
        if trial.result() is None:
            return {}
        if not path.exists():
            metrics = self.measure(trial, options.data_dir)
            atomic.write(path, (json.dumps(metrics) + "\n").encode())
        measured: dict[str, Any] = json.loads(path.read_text())
        return measured


def lesion_damage(trial: Trial, data_dir: Path | None) -> dict[str, float]:
    """Return the mean and the worst damage of deleting one block, in points of test error."""
    from analysis.lesions.examine import run
    from resnet_lab.checkpoint import load_model
    from resnet_lab.data.augment import normalise
    from resnet_lab.data.load import load

    checkpoint = load_model(trial.folder)
    data = load(trial.spec.data, data_dir)
    pixels, labels = data.test.pixels.split(250), data.test.labels.split(250)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    batches = [(normalise(data.view(x), data.mean, data.std), y) for x, y in zip(pixels, labels, strict=True)]
    damages = [row["damage"] for row in run(checkpoint.model, loader=batches) if row["experiment"] == "single"]
    return {"lesion/mean_damage": sum(damages) / len(damages), "lesion/worst_damage": max(damages)}


LESIONS = PostHoc(
    name="lesions",
    metric="lesion/mean_damage",
    title="Mean damage of deleting one block (points of test error)",
    measure=lesion_damage,
)
