"""Training of one trial in this process: from its last epoch, or from the start, to its result."""

import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from resnet_lab.metrics import TEST_ERROR, VAL_ERROR
from resnet_lab.outcomes import Reason, reason_for
from resnet_lab.spec.fields import to_json
from resnet_lab.system import atomic
from resnet_lab.trials import image_record
from resnet_lab.trials.trial import Json, Trial
from resnet_lab.trials.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import torch

    from resnet_lab.data.images import ImageData
    from resnet_lab.engine.session import Session
    from resnet_lab.spec import DataSpec

    Load = Callable[[DataSpec, Path | None, torch.device], ImageData]


def run_trial(
    trial: Trial, settings: WorkerSettings, *, load: "Load | None" = None, stopped: Callable[[], bool] = lambda: False
) -> bool:
    """Train the trial to its end in this process, continuing from its last epoch. Returns whether it is complete.

    A second process on the same folder waits for the first, then finds the trial complete or goes on with it. `load`
    gives the images in `resnet_lab.data.load`'s place; once `stopped` says so, the trial ends with its epoch.
    """
    trial.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(trial.lock_file):
        if trial.result() is not None:
            return True
        trial.failure_file.unlink(missing_ok=True)
        try:
            _train(trial, settings, load, stopped)
        except StoppedError:
            return False
        except Exception as error:
            atomic.write_json(trial.failure_file, _describe(error))
            return False
    return True


def _train(trial: Trial, settings: WorkerSettings, load: "Load | None", stopped: Callable[[], bool]) -> None:
    from resnet_lab.checkpoint import save_model
    from resnet_lab.data.load import load as load_from_disk
    from resnet_lab.engine.precision import resolve_device
    from resnet_lab.engine.resume import async_state_writer, load_state
    from resnet_lab.engine.session import Session

    atomic.write(trial.config_file, to_json(trial.spec).encode())
    device = resolve_device(settings.device)
    data = (load or load_from_disk)(trial.spec.data, settings.data_dir, device)
    session = Session(trial.spec, data, device, compiled=settings.compiled)
    print(f"{trial.name}: {session.mode}", flush=True)
    atomic.write_json(trial.environment_file, _environment(session, settings))
    state = load_state(trial.state_file)
    if state is not None:
        session.restore(state)
    _trim_history(trial, session.epoch)
    with async_state_writer(trial.state_file) as writer:
        while not session.done:
            record = session.run_epoch().as_dict()
            with trial.history_file.open("a") as file:
                file.write(json.dumps(record) + "\n")
            writer.save(session.state())
            if _driver_is_gone():
                raise OrphanedError("the driver is gone; the last epoch is kept")
            if stopped() and not session.done:
                raise StoppedError
        test = session.test()
        digest = save_model(trial.folder, trial.spec, session.model)
    if test.correct is not None:
        image_record.write(trial.folder, test.correct.cpu().numpy())
    atomic.write_json(trial.result_file, _result(trial, session, test, digest))
    trial.state_file.unlink(missing_ok=True)


class StoppedError(RuntimeError):
    """The trial was stopped by the driver: no failure, and its last epoch is kept."""


class OrphanedError(RuntimeError):
    """The driver died: the worker stops at the end of an epoch, so that nothing computed is lost."""


def _result(trial: Trial, session: "Session", test: Any, digest: str) -> Json:
    history = trial.history()
    selected = session.selected_epoch
    last = history[selected - 1] if history else {}
    return {
        TEST_ERROR: test.error,
        "test/wrong": test.wrong,
        "test/images": test.images,
        "test/loss": test.loss,
        **{name: last[name] for name in ("train/loss", "train/error", "val/loss", VAL_ERROR) if name in last},
        "time/train_s": sum(record["time/epoch_s"] for record in history),
        "epochs": session.epoch,
        **({"selected_epoch": selected} if trial.spec.recipe.select != "last" else {}),
        "iterations": session.iteration,
        "sha256": digest,
    }


def _environment(session: "Session", settings: WorkerSettings) -> Json:
    from resnet_lab.system.environment import describe_torch

    data = {"name": session.data.name, "sha256": session.data.sha256}
    engine = {"step": session.mode, "kernels": session.kernels, "compiled": settings.compiled}
    return {**settings.environment, **describe_torch(session.device, session.dtype), **engine, "data": data}


def _trim_history(trial: Trial, epochs: int) -> None:
    """Drop epochs whose state was not saved: they are about to be trained again."""
    lines = "".join(json.dumps(record) + "\n" for record in trial.history()[:epochs])
    atomic.write(trial.history_file, lines.encode())


def _driver_is_gone() -> bool:
    import multiprocessing

    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _describe(error: Exception) -> Json:
    from resnet_lab.engine.session import DivergenceError

    if isinstance(error, DivergenceError):
        reason: str = Reason.DIVERGED
    else:
        reason = Reason.ORPHANED if isinstance(error, OrphanedError) else reason_for(error)
    return {"reason": reason, "detail": str(error), "traceback": traceback.format_exc(), "pid": os.getpid()}
