"""A worker process: trains one trial and writes only that trial's folder.

Importing this module loads torch and all a trial needs: the fork server preloads it, so no trial pays the import.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import torch

import resnet_lab.checkpoint
import resnet_lab.engine  # noqa: F401  # preloaded for the fork server
from resnet_lab.engine.precision import be_deterministic
from resnet_lab.errors import DiskFullError, is_full
from resnet_lab.trials.notices import log
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import FAILED, NO_ROOM, WorkerSettings


def main(trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Entry point of a worker process: exits with 0 where the trial is complete, else with FAILED or NO_ROOM.

    The driver alone decides when its workers end: signals to the whole process group, such as Ctrl-C's, are not heard.
    On SIGTERM, which the driver sends too, the trial ends with its epoch.
    """
    stop = threading.Event()
    hear_only_the_driver(lambda *_: stop.set())

    def run() -> bool:
        prepare(trial, settings, threads)
        return run_trial(trial, settings, stopped=stop.is_set)

    sys.exit(exit_code(run))


def hear_only_the_driver(on_terminate: Callable[[int, FrameType | None], object]) -> None:
    """Ignore what a terminal sends to the process group, and call the function on SIGTERM."""
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, on_terminate)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # the server that forked this process hears none


def exit_code(run: Callable[[], bool]) -> int:
    """Return the exit code of a trial's run."""
    try:
        return 0 if run() else FAILED
    except (DiskFullError, OSError) as error:
        if not is_full(error):
            raise
        log(str(error))
        return NO_ROOM


def prepare(trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Redirect this process's output to the trial's worker.log, and configure torch."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    log = os.open(trial.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if settings.gpu:  # before this process asks for one: there it is the first, and the only one
        os.environ["CUDA_VISIBLE_DEVICES"] = settings.gpu
    if threads:
        torch.set_num_threads(threads)
    if settings.deterministic:
        be_deterministic()
    if settings.compiled:
        compile_without_limit()


def compile_without_limit() -> None:
    """Let torch.compile compile each network that this process trains, and fail where it would give one up in silence.

    By default it compiles a function, such as the forward pass that all networks share, for eight of them.
    """
    import torch._dynamo.config as dynamo  # takes seconds, which only --compile pays

    dynamo.recompile_limit = dynamo.accumulated_recompile_limit = 10**6
    dynamo.fail_on_recompile_limit_hit = True
