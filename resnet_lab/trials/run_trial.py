"""A trial in training, in the process that was given it: from its last epoch, or from the start, to its result."""

import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from resnet_lab.outcomes import Reason, reason_for
from resnet_lab.spec.fields import to_json
from resnet_lab.system import atomic
from resnet_lab.trials.trial import Json, Trial
from resnet_lab.trials.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import torch

    from resnet_lab.data.images import ImageData
    from resnet_lab.engine.session import Session
    from resnet_lab.spec import DataSpec

    Load = Callable[[DataSpec, Path | None, torch.device], ImageData]


def run_trial(
    trial: Trial, orders: WorkerSettings, *, load: "Load | None" = None, stopped: Callable[[], bool] = lambda: False
) -> bool:
    """Train the trial to its end in this process, continuing from its last epoch. Returns whether it is complete.

    A second process on the same folder waits for the first, then finds the trial complete or goes on with it. `load`
    gives the images in `resnet_lab.data.load`'s place; once `stopped` says so, the trial ends with its epoch.
    """
    trial.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(trial.folder / "worker.lock"):
        if trial.result() is not None:
            return True
        (trial.folder / "failure.json").unlink(missing_ok=True)
        try:
            _train(trial, orders, load, stopped)
        except StoppedError:
            return False
        except Exception as error:
            _write(trial.folder / "failure.json", _describe(error))
            return False
    return True


def _train(trial: Trial, orders: WorkerSettings, load: "Load | None", stopped: Callable[[], bool]) -> None:
    from resnet_lab.checkpoint import save_model
    from resnet_lab.data.load import load as load_anew
    from resnet_lab.engine.precision import resolve_device
    from resnet_lab.engine.resume import async_state_writer, load_state
    from resnet_lab.engine.session import Session

    atomic.write(trial.folder / "config.json", to_json(trial.spec).encode())
    device = resolve_device(orders.device)
    data = (load or load_anew)(trial.spec.data, orders.data_dir, device)
    session = Session(trial.spec, data, device, compiled=orders.compiled)
    print(f"{trial.name}: {session.mode}", flush=True)
    _write(trial.folder / "env.json", _environment(session, orders))
    state = load_state(trial.folder / "resume.pt")
    if state is not None:
        session.restore(state)
    _trim_history(trial, session.epoch)
    with async_state_writer(trial.folder / "resume.pt") as keeper:
        while not session.done:
            record = session.run_epoch().as_dict()
            with (trial.folder / "history.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
            keeper.save(session.state())
            if _driver_is_gone():
                raise OrphanedError("the driver is gone; the last epoch is kept")
            if stopped() and not session.done:
                raise StoppedError
        test = session.test()
        digest = save_model(trial.folder, trial.spec, session.model)
    _write(trial.folder / "result.json", _result(trial, session, test, digest))
    (trial.folder / "resume.pt").unlink(missing_ok=True)


class StoppedError(RuntimeError):
    """The trial was told to stop: no failure, and its last epoch is kept."""


class OrphanedError(RuntimeError):
    """The driver died: the worker stops at the end of an epoch, so that nothing computed is lost."""


def _result(trial: Trial, session: "Session", test: Any, digest: str) -> Json:
    history = trial.history()
    last = history[-1] if history else {}
    return {
        "test/error": test.error,
        "test/wrong": test.wrong,
        "test/images": test.images,
        "test/loss": test.loss,
        **{name: last[name] for name in ("train/loss", "train/error", "val/loss", "val/error") if name in last},
        "time/train_s": sum(record["time/epoch_s"] for record in history),
        "epochs": session.epoch,
        "iterations": session.iteration,
        "sha256": digest,
    }


def _environment(session: "Session", orders: WorkerSettings) -> Json:
    from resnet_lab.system.environment import describe_torch

    data = {"name": session.data.name, "sha256": session.data.sha256}
    how = {"step": session.mode, "kernels": session.kernels, "compiled": orders.compiled}
    return {**orders.environment, **describe_torch(session.device, session.dtype), **how, "data": data}


def _trim_history(trial: Trial, epochs: int) -> None:
    """Forget epochs whose state was not saved: they are about to be trained again."""
    kept = "".join(json.dumps(record) + "\n" for record in trial.history()[:epochs])
    atomic.write(trial.folder / "history.jsonl", kept.encode())


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


def _write(path: Path, content: Json) -> None:
    atomic.write(path, (json.dumps(content, indent=2) + "\n").encode())
