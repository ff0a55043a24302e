"""Damage of deleting a block (Veit et al. 2016, section 4.1) as a measure of a study's trained networks."""

from pathlib import Path

from resnet_lab.trials.trial import Trial
from studies.plan.measure import Measure


def lesion_damage(trial: Trial, data_dir: Path | None) -> dict[str, float]:
    """Return the mean and the worst damage of deleting one block, in points of test error."""
    from analysis.lesions.examine import run
    from resnet_lab.checkpoint import load_model
    from resnet_lab.data.augment import normalise
    from resnet_lab.data.load import load

    checkpoint = load_model(trial.folder)
    data = checkpoint.prepare(load(trial.spec.data, data_dir))
    pixels, labels = data.test.pixels.split(250), data.test.labels.split(250)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    batches = [(normalise(data.view(x), data.mean, data.std), y) for x, y in zip(pixels, labels, strict=True)]
    damages = [row["damage"] for row in run(checkpoint.model, loader=batches) if row["experiment"] == "single"]
    return {"lesion/mean_damage": sum(damages) / len(damages), "lesion/worst_damage": max(damages)}


LESIONS = Measure(
    name="lesions",
    metric="lesion/mean_damage",
    title="Mean damage of deleting one block (points of test error)",
    take=lesion_damage,
)
