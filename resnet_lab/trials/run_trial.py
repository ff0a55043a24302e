"""Training of one trial in this process: from its last epoch, or from the start, to its result."""

import contextlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from resnet_lab.metrics import TEST_CURVE, TEST_ERROR, VAL_ERROR
from resnet_lab.outcomes import Reason, failure, reason_for
from resnet_lab.spec.fields import to_json
from resnet_lab.system import atomic
from resnet_lab.trials import batch_record, image_record
from resnet_lab.trials.notices import log, set_aside
from resnet_lab.trials.signature import Json, name_of, sign
from resnet_lab.trials.state import Progress, note_engine, resume
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.versions import earlier_code
from resnet_lab.trials.worker_settings import WorkerSettings

if TYPE_CHECKING:
    import torch

    from resnet_lab.data.images import ImageData
    from resnet_lab.engine.session import Session
    from resnet_lab.spec import DataSpec, RunSpec

    Load = Callable[[DataSpec, Path | None, torch.device], ImageData]
    MakeSession = Callable[[RunSpec, ImageData, torch.device, WorkerSettings], Session]


_SMALLEST = 4_096  # bytes that a folder or an empty file takes
STATE_EVERY_S = {"cpu": 0.0, "cuda": 10.0}
"""Seconds between two states. On a GPU an epoch of small images takes less than writing one: what a kill costs is
trained again, at most ten seconds of it."""


def run_trial(
    trial: Trial,
    settings: WorkerSettings,
    *,
    load: "Load | None" = None,
    make_session: "MakeSession | None" = None,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Train the trial to its end in this process, continuing from its last epoch. Returns whether it is complete.

    A second process on the same folder waits for the first, then finds the trial complete or goes on with it. `load`
    gives the images in `resnet_lab.data.load`'s place, and `make_session` a session in `new_session`'s; once `stopped`
    says so, the trial ends with its epoch. What is damaged in the folder is set aside first. Raises DiskFullError where
    there is no room even for the reason.
    """
    with atomic.naming(trial.lock_file, _SMALLEST):
        trial.folder.mkdir(parents=True, exist_ok=True)
        trial.lock_file.touch()
    with FileLock(trial.lock_file):
        try:
            if not _is_complete(trial):
                trial.failure_file.unlink(missing_ok=True)
                _train(trial, settings, load, make_session or new_session, stopped)
        except StoppedError:
            return False
        except Exception as error:
            atomic.write_json(trial.failure_file, _describe(error))
            return False
    return True


def _is_complete(trial: Trial) -> bool:
    """Whether there is nothing to train. A result that is not to be believed is set aside, with what it fails for."""
    atomic.sweep(trial.folder)
    checked = trial.check()
    if checked.result is not None:
        return True
    if checked.fault:
        set_aside(trial.folder / checked.file, checked.fault)
        if trial.result_file.exists():
            set_aside(trial.result_file, f"goes with another {checked.file}")
    return False


def _train(
    trial: Trial,
    settings: WorkerSettings,
    load: "Load | None",
    make_session: "MakeSession",
    stopped: Callable[[], bool],
) -> None:
    from resnet_lab.data.load import load as load_from_disk
    from resnet_lab.engine.precision import resolve_device
    from resnet_lab.engine.resume import async_state_writer
    from resnet_lab.engine.starting_point import starting_point

    _write_config(trial)
    device = resolve_device(settings.device)
    data = (load or load_from_disk)(trial.spec.data, settings.data_dir, device)
    session, progress = resume(trial, partial(make_session, trial.spec, data, device, settings))
    log(f"{trial.name}: {session.mode}; kernels: {session.kernels}")
    earlier = earlier_code(trial.environment(), settings) if progress.history else {}
    atomic.write_json(trial.environment_file, _environment(session, settings, progress) | earlier)
    if not progress.history:
        progress.start = starting_point(session).as_dict()
    if progress.start is not None:
        atomic.write_json(trial.start_file, progress.start)
    _restore_history(trial, progress)
    batch_record.trim(trial.folder, session.epoch)
    with async_state_writer(trial.state_file, STATE_EVERY_S[device.type]) as writer:
        while not session.done:
            mode = session.mode
            record = _epoch(trial, settings, session)
            if session.mode != mode:  # its first step could not be captured
                log(f"{trial.name}: {session.mode}")
                note_engine(trial, session, progress, since=session.epoch)
                atomic.write_json(trial.environment_file, _environment(session, settings, progress) | earlier)
            progress.history.append(record)
            atomic.append(trial.history_file, (json.dumps(record) + "\n").encode())
            is_orphan, is_stopped = _driver_is_gone(), stopped() and not session.done
            if writer.is_due or is_orphan or is_stopped:
                writer.save(progress.state(trial, session))
            if is_orphan:
                raise OrphanedError("the driver is gone; the last epoch is kept")
            if is_stopped:
                raise StoppedError
    _finish(trial, session, progress)


def new_session(spec: "RunSpec", data: "ImageData", device: "torch.device", settings: WorkerSettings) -> "Session":
    """Return a run's session at its start."""
    from resnet_lab.engine.session import Session

    return Session(spec, data, device, compiled=settings.compiled, kernels=settings.kernels)


def _epoch(trial: Trial, settings: WorkerSettings, session: "Session") -> Json:
    """Train an epoch and return its record, with what the settings ask for besides."""
    before, batch = session.iteration, trial.spec.recipe.batch_size
    record = session.run_epoch().as_dict()
    if settings.log_batches:
        accuracy = [100 * (1 - wrong / batch) for wrong in session.wrong_by_batch.tolist()]
        batch_record.append(trial.folder, epoch=session.epoch, first=before + 1, accuracy=accuracy)
    return record | ({TEST_CURVE: session.test_now().error} if settings.log_test else {})


def _finish(trial: Trial, session: "Session", progress: Progress) -> None:
    """Test the network once and write what a complete trial has, the result last."""
    from resnet_lab.checkpoint import save_model

    test = session.test()
    digest = save_model(trial.folder, trial.spec, session.model, images=session.data.seen)
    if test.correct is not None:
        image_record.write(trial.folder, test.correct.cpu().numpy())
    _write_history(trial, progress)
    figures = _result(session, progress.history, test, digest)
    atomic.write_json(trial.result_file, sign(trial.folder, figures))
    for state in (trial.state_file, trial.earlier_state_file):
        state.unlink(missing_ok=True)


def _write_config(trial: Trial) -> None:
    """Write the spec; a config of another one, or none that can be read, is set aside."""
    with contextlib.suppress(FileNotFoundError):
        if name_of(trial.config_file) != trial.name:
            set_aside(trial.config_file, "is not this trial's")
    atomic.write(trial.config_file, to_json(trial.spec).encode())


def _restore_history(trial: Trial, progress: Progress) -> None:
    """Write history.jsonl as the state has it: epochs whose state was not saved are trained again."""
    if progress.history and trial.history()[: len(progress.history)] != progress.history:
        set_aside(trial.history_file, "has not the epochs of the state")
    _write_history(trial, progress)


def _write_history(trial: Trial, progress: Progress) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in progress.history)
    atomic.write(trial.history_file, lines.encode())


class StoppedError(RuntimeError):
    """The trial was stopped by the driver: no failure, and its last epoch is kept."""


class OrphanedError(RuntimeError):
    """The driver died: the worker stops at the end of an epoch, so that nothing computed is lost."""


def _result(session: "Session", history: list[Json], test: Any, digest: str) -> Json:
    selected = session.selected_epoch
    last = history[selected - 1]
    return {
        TEST_ERROR: test.error,
        "test/wrong": test.wrong,
        "test/images": test.images,
        "test/loss": test.loss,
        **{name: last[name] for name in ("train/loss", "train/error", "val/loss", VAL_ERROR) if name in last},
        "time/train_s": sum(record["time/epoch_s"] for record in history),
        "epochs": session.epoch,
        **({"selected_epoch": selected} if session.best is not None else {}),
        "iterations": session.iteration,
        "sha256": digest,
    }


def _environment(session: "Session", settings: WorkerSettings, progress: Progress) -> Json:
    from resnet_lab.system.environment import describe_torch

    data = _data_record(session.data)
    started = {} if session.coverage is None else {"weights": session.coverage.as_dict()}
    engine: Json = {
        **started,
        "step": session.mode,
        "kernels": session.kernels,
        "compiler": session.compiler,
        "compiled": settings.compiled,
    }
    if len(progress.engines) > 1:
        engine["engines"] = progress.engines
    return {**settings.environment, **describe_torch(session.device, session.dtype), **engine, "data": data}


def _data_record(data: "ImageData") -> Json:
    """Return what is recorded of the images; `unreadable` where files of a folder were left out."""
    named = {"name": data.name, "sha256": data.sha256, "classes": list(data.class_names)}
    return named | ({"unreadable": list(data.unreadable)} if data.unreadable else {})


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
    return failure(reason, error)
