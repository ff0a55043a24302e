"""TINY: the run that tests really train, three epochs of 4 steps; and a complete trial that nobody trained."""

import hashlib

from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace, to_json
from resnet_lab.system import atomic
from resnet_lab.trials.signature import sign
from resnet_lab.trials.trial import Trial

TINY = replace(
    RunSpec(),
    {
        "model.depth": 8,
        "model.width": 4,
        "data.name": "digits",
        "data.train_images": 128,
        "recipe.batch_size": 32,  # 4 steps per epoch
        "recipe.iterations": 12,
        # The defaults are for CIFAR's 32 pixels; the digits have 8.
        "recipe.crop_padding": 1,
        "recipe.cutout_size": 3,
    },
)


def write_result(trial: Trial, figures: dict[str, object], *, signed: bool = True, weights: bytes = b"weights") -> None:
    """Write what makes a trial complete, as a worker of today or of an earlier version does: weights, then figures."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    if not trial.config_file.exists():
        atomic.write(trial.config_file, to_json(trial.spec).encode())
    atomic.write_with_digest(trial.model_file, weights)
    result = figures | {"sha256": hashlib.sha256(weights).hexdigest()}
    atomic.write_json(trial.result_file, sign(trial.folder, result) if signed else result)
