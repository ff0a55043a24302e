"""Accuracy by class and confusion matrix as a measure of a study's trained networks, kept in each trial's folder."""

from pathlib import Path

from resnet_lab.trials.trial import Trial
from studies.plan.measure import Measure

FOLDER = "evaluation"
"""Name of the folder in a trial's that holds evaluation.json, the confusion matrix and the reliability diagram."""


def class_accuracy(trial: Trial, data_dir: Path | None) -> dict[str, float]:
    """Write the evaluation of a trial's network; return its least and mean accuracy over the classes, in per cent."""
    import torch

    from analysis.evaluation.evaluation import Evaluation, write
    from analysis.evaluation.predict import predict
    from analysis.evaluation.scores import score
    from analysis.inputs.targets import Target
    from resnet_lab.checkpoint import load_model
    from resnet_lab.data.load import load

    checkpoint, device = load_model(trial.folder), torch.device("cpu")
    data, model = checkpoint.prepare(load(trial.spec.data, data_dir)), checkpoint.model
    target = Target(name=trial.name, model=model, spec=trial.spec, data=data, device=device)
    scores = score(*predict(target, torch.float32, lambda *_: lambda *_: None))
    classes = [data.class_name(label) for label in range(data.classes)]
    evaluation = Evaluation(network=trial.name, dataset=data.name, precision="float32", classes=classes, scores=scores)
    write(evaluation, trial.folder / FOLDER)
    found = [accuracy for accuracy in scores.per_class if accuracy is not None]
    return {"classes/least_accuracy": min(found), "classes/mean_accuracy": sum(found) / len(found)}


CLASSES = Measure(
    name="classes",
    metric="classes/mean_accuracy",
    title="Mean accuracy over the classes (%)",
    take=class_accuracy,
)
