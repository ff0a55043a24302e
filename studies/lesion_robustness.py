"""Does stochastic depth make networks that can do without a block?

    python -m studies.lesion_robustness                                        about 2 minutes on 2 cores
    python -m studies.lesion_robustness --scale paper --data-dir DIR           20 runs of 64k iterations: a GPU

Networks are trained with and without stochastic depth at two depths, then each block of each is deleted in turn. The
second table holds the mean damage of a deletion, in points of test error.

Expect: nets trained with stochastic depth to lose less by a deletion, deep nets less than shallow ones (Veit et al.
2016, section 4.1: for 54 blocks a deletion hardly moves the error). No published figure for the difference.
"""

import json
from collections.abc import Mapping
from typing import Any

from resnet_lab.spec import DatasetName
from resnet_lab.system import atomic
from resnet_lab.trials.trial import Trial
from studies.plan.options import Options
from studies.plan.study import Scale, Study

STUDY = Study(
    name="lesion_robustness",
    question="Does stochastic depth make networks that can do without a block?",
    arm={"model.block.drop_path": (0.0, 0.5)},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2), epochs=8),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (20, 110)}, seeds=(0, 1, 2, 3, 4)),
    },
)
MEASURE = "lesion/mean_damage"


def lesion_table(study: Study, options: Options) -> None:
    """Delete each block of each finished network and print the mean damage by arm, as the first table does errors."""
    from rich.console import Console

    from analysis.comparison.arms import summarise
    from analysis.tables.table import markdown, render
    from studies.plan.plan import make_plan, trials_of
    from studies.results.outcomes import outcomes

    plan = make_plan(study, options)
    trials = trials_of(plan, options.out)
    by_name = {trial.name: trial for trial in trials}
    runs = [{**run, **_damage(by_name[str(run["trial"])], options)} for run in outcomes(plan, trials)]
    rows = summarise(runs, arm=tuple(plan.arm), context=tuple(plan.context), baseline=plan.baseline(), metric=MEASURE)
    console = Console()
    console.print(render(rows, title="Mean damage of deleting one block (points of test error)", width=console.width))
    folder = options.out / "reports" / plan.title
    atomic.write(folder / "lesions.md", markdown(rows).encode())
    atomic.write(folder / "lesions.json", (json.dumps(runs, indent=2) + "\n").encode())


def _damage(trial: Trial, options: Options) -> Mapping[str, Any]:
    """Return the mean damage of single deletions, from the trial's folder where it was measured before."""
    kept = trial.folder / "lesions.json"
    if trial.result() is None:
        return {}
    if not kept.exists():
        atomic.write(kept, (json.dumps(_measure(trial, options)) + "\n").encode())
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def _measure(trial: Trial, options: Options) -> dict[str, float]:
    from analysis.lesions.examine import run
    from resnet_lab.checkpoint import load_model
    from resnet_lab.data.augment import normalise
    from resnet_lab.data.load import load

    checkpoint = load_model(trial.folder)
    data = load(trial.spec.data, options.data_dir)
    pixels, labels = data.test.pixels.split(250), data.test.labels.split(250)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    batches = [(normalise(x, data.mean, data.std), y) for x, y in zip(pixels, labels, strict=True)]
    rows = run(checkpoint.model, loader=batches)
    damages = [row["damage"] for row in rows if row["experiment"] == "single"]
    return {MEASURE: sum(damages) / len(damages), "lesion/worst_damage": max(damages)}


if __name__ == "__main__":
    from studies.cli import main

    main(STUDY, after=lesion_table)
