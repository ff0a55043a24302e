"""Preloading in the fork server: done once, before the first worker is forked, so that no trial pays for it.

Imported in the server, where the environment holds VARIABLE, for its effects: torch, all that torch loads with the
first optimiser (more than a second), and the images, read and verified. Forked workers share their memory.
"""

import contextlib
import gc
import json
import os
from collections.abc import Iterable
from pathlib import Path

from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import from_json, to_json
from resnet_lab.trials.worker_settings import WorkerSettings

VARIABLE = "RESNET_LAB_PRELOAD"
MAX_SETS = 4  # sets that differ in `train_images` are kept separately, 184 MB each for CIFAR


def environment(runs: Iterable[RunSpec], settings: WorkerSettings) -> dict[str, str]:
    """Return the environment in which importing this module prepares for such runs."""
    examples = list({run.data: to_json(run) for run in runs}.values())[:MAX_SETS]
    data_dir = settings.data_dir and str(settings.data_dir)
    return {VARIABLE: json.dumps({"runs": examples, "data_dir": data_dir, "device": settings.device})}


def preload(value: str) -> None:
    """Load what `environment` wrote to `value`, and set up one run on each set of images, for what that loads.

    Errors here are left to the workers, which report them. A GPU is not touched: a process that has used one cannot
    fork others that do.
    """
    import torch

    import resnet_lab.trials.worker  # noqa: F401  # what is to be loaded
    from resnet_lab.data.load import keep
    from resnet_lab.engine.optimizers.make_optimizer import make_optimizer
    from resnet_lab.engine.session import Session
    from resnet_lab.spec import RecipeSpec

    make_optimizer(RecipeSpec(), [torch.nn.Parameter(torch.zeros(1))])
    content = json.loads(value)
    for text in content["runs"]:
        with contextlib.suppress(Exception):
            run = from_json(text)
            data = keep(run.data, content["data_dir"] and Path(content["data_dir"]))
            if content["device"] == "cpu":
                Session(run, data, torch.device("cpu"))
    gc.collect()
    gc.freeze()  # a collection in a worker would touch, and so copy, the memory that all share


if VARIABLE in os.environ:
    preload(os.environ[VARIABLE])
