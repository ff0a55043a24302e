"""A worker process: trains one trial and writes only that trial's folder.

Importing this module loads torch and all a trial needs: the fork server preloads it, so no trial pays the import.
"""

import os
import signal
import sys

import torch

import resnet_lab.checkpoint
import resnet_lab.engine  # noqa: F401  # preloaded for the fork server
from resnet_lab.engine.precision import be_deterministic
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings

FAILED = 3


def main(trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Entry point of a worker process: exits with 0 where the trial is complete, else with FAILED."""
    # Ctrl-C reaches the whole process group; the driver alone decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare(trial, settings, threads)
    sys.exit(0 if run_trial(trial, settings) else FAILED)


def prepare(trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Redirect this process's output to the trial's worker.log, and configure torch."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    log = os.open(trial.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if threads:
        torch.set_num_threads(threads)
    if settings.deterministic:
        be_deterministic()
