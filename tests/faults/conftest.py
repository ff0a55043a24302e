"""A training of milliseconds in a real trial's folder: what is tested is the folder, not the network."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import resnet_lab.engine.session
import resnet_lab.engine.starting_point
from resnet_lab.engine.evaluate import Evaluation
from resnet_lab.metrics import EpochRecord
from resnet_lab.spec.fields import replace
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

EPOCHS = 3
SPEC = replace(TINY, {"recipe.iterations": EPOCHS})
SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={"git_sha": "abc"})
DATA = SimpleNamespace(name="digits", sha256="ab" * 32, class_names=(), unreadable=(), seen=None)
TIMES = ("time/epoch_s", "time/images_per_s", "time/train_s")


class Killed(BaseException):
    """The process dies here: nothing of it runs any more."""


class SmallSession:
    """A session whose network is one layer and whose step is a draw from its seed and epoch."""

    dies_in: int | None = None
    """The epoch, from 1, in whose middle the process dies."""
    kernels, compiler, coverage, best = "native", "GCC: 12", None, None

    def __init__(self, spec, data, device, *, compiled=False, kernels="auto"):  # noqa: ARG002  # Session's
        self.spec, self.data, self.device, self.dtype, self.mode = spec, data, device, torch.float32, "eager"
        self.model = nn.Linear(3, 2, bias=False)
        self.model.weight.data = self._draw(0)
        self.epoch = self.iteration = 0

    def _draw(self, epoch):
        return torch.randn(2, 3, generator=torch.Generator().manual_seed(1_000 * self.spec.seed + epoch))

    @property
    def done(self):
        return self.epoch >= EPOCHS

    @property
    def selected_epoch(self):
        return self.epoch

    def run_epoch(self):
        if self.epoch + 1 == self.dies_in:
            raise Killed
        self.epoch += 1
        self.iteration += 1
        self.model.weight.data = 0.9 * self.model.weight.data + self._draw(self.epoch)
        loss = float(self.model.weight.data.square().mean())
        values = dict.fromkeys(("train_loss", "val_loss"), loss) | dict.fromkeys(
            ("train_error", "val_error"), 10 * loss
        )
        return EpochRecord(epoch=self.epoch, iteration=self.iteration, lr=0.1, epoch_s=0.1, images_per_s=9.0, **values)

    def test(self):
        wrong = int(self.model.weight.data.sum().abs() * 10) % 360
        return Evaluation(wrong=wrong, images=360, loss=float(self.model.weight.data.mean()))

    def state(self):
        return {"model": self.model.state_dict(), "epoch": self.epoch, "iteration": self.iteration}

    def restore(self, state):
        self.model.load_state_dict(state["model"])
        self.epoch, self.iteration = state["epoch"], state["iteration"]


def train(trial, *, dies_in=None, stops_after=None):
    """Run a trial as its worker does, to its end, to its death in an epoch, or to its stop after one."""
    SmallSession.dies_in = dies_in
    ended = []
    stopped = (lambda: bool(ended.append(1) or len(ended) >= stops_after)) if stops_after else lambda: False
    try:
        return run_trial(trial, SETTINGS, load=lambda *_: DATA, stopped=stopped)
    except Killed:
        return False
    finally:
        SmallSession.dies_in = None


def figures(trial):
    """Return all that a trial found, but its times: weights, result and history; None where it is not complete."""
    result = trial.result()
    if result is None:
        return None
    history = [{name: value for name, value in record.items() if name not in TIMES} for record in trial.history()]
    kept = [(trial.folder / name).read_bytes() for name in ("model.safetensors", "start.json", "config.json")]
    return {name: value for name, value in result.items() if name not in TIMES}, history, kept


@contextmanager
def small_sessions():
    """Let workers in this process train small sessions."""
    start = SimpleNamespace(as_dict=lambda: {"order": "abc"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet_lab.engine.session, "Session", SmallSession)
        patch.setattr(resnet_lab.engine.starting_point, "starting_point", lambda _: start)
        yield


@pytest.fixture(autouse=True)
def small():
    with small_sessions():
        yield


@pytest.fixture(scope="session")
def undisturbed():
    """The folders of two undisturbed trials, of seed 0 and of seed 1, and of each again after two epochs."""
    root = Path(tempfile.mkdtemp(prefix="resnet-lab-faults-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    made = SimpleNamespace(root=root, whole={}, on_its_way={})
    with small_sessions():
        for seed in (0, 1):
            made.whole[seed] = Trial(root=root / "whole", spec=replace(SPEC, {"seed": seed}))
            assert train(made.whole[seed])
            made.on_its_way[seed] = Trial(root=root / "on its way", spec=replace(SPEC, {"seed": seed}))
            train(made.on_its_way[seed], dies_in=3)
    yield made
    shutil.rmtree(root)
