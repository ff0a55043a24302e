"""Packed worker: each trial's results are those it has alone, and one that fails or stops ends alone."""

import threading
from dataclasses import replace as changed

import pytest
import torch

import resnet_lab.engine.session
from resnet_lab.engine.captured import CapturedRunner
from resnet_lab.engine.epoch_runner import make_epoch_runner
from resnet_lab.engine.graph_capture import NoCapture
from resnet_lab.engine.session import Session
from resnet_lab.spec import DataSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.gpu_streams import StreamPool
from resnet_lab.trials.packed_worker import Pack, SharedImages
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker import compile_without_limit
from resnet_lab.trials.worker_settings import FAILED, KILLED_PROCESS, WorkerSettings
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = replace(TINY, {"recipe.iterations": 10})
SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={})
ARMS = [
    {},
    {"seed": 1},
    {"model.block.shortcut": "dropout"},
    {"model.block.shortcut": "dropout", "seed": 1},
    {"model.block.drop_path": 0.5},
    {"recipe.effective_blocks": 2},
    {"recipe.optimizer": "adam", "recipe.lr": 1e-3},
    {"recipe.batch_size": 64, "recipe.augmentation": "cutout", "recipe.cutout_size": 3},
]


@pytest.fixture(params=["eager", "captured"])
def engine(request, monkeypatch):
    """Both engines; the captured one with its stand-in for a graph."""
    made = []

    def captured(*arguments):
        *rest, settings, average = arguments
        made.append(make_epoch_runner(*rest, changed(settings, capture=NoCapture()), average))
        return made[-1]

    if request.param == "captured":
        monkeypatch.setattr(resnet_lab.engine.session, "make_epoch_runner", captured)
    yield request.param
    assert any(isinstance(steps, CapturedRunner) for steps, _ in made) == (request.param == "captured")


def pack_them(trials, settings=SETTINGS, pack=None):
    """Train the trials together; return the exit code of each."""
    codes = {}
    pack = pack or Pack(settings, lambda message: codes.update([message]))
    for trial in trials:
        pack.start(trial)
    threads = [thread for thread in threading.enumerate() if thread.name in {trial.name for trial in trials}]
    for thread in threads:
        thread.join()
    return codes


def trials_in(folder, arms=ARMS):
    return [Trial(root=folder, spec=replace(SPEC, arm)) for arm in arms]


def figures(trial):
    timed = {"time/epoch_s", "time/images_per_s"}
    return [{name: value for name, value in record.items() if name not in timed} for record in trial.history()]


def test_packed_trials_are_bit_equal_to_those_alone(tmp_path, engine):  # noqa: ARG001  # a fixture with effect
    alone, packed = trials_in(tmp_path / "alone"), trials_in(tmp_path / "packed")
    assert all(run_trial(trial, SETTINGS) for trial in alone)
    assert pack_them(packed) == {trial.name: 0 for trial in packed}
    for one, other in zip(alone, packed, strict=True):
        assert one.result()["sha256"] == other.result()["sha256"], one.name
        assert one.result()["test/wrong"] == other.result()["test/wrong"]
        assert figures(one) == figures(other)
        assert one.start_file.read_bytes() == other.start_file.read_bytes()


def test_a_session_goes_on_with_the_next_seed_of_its_arm_and_a_failure_lets_go_of_it(tmp_path, engine):
    made, pack = [], Pack(SETTINGS, lambda _: None)
    arms = [{}, {"seed": 1}, {"recipe.lr": 1e30}, {"recipe.lr": 1e30, "seed": 1}, {"seed": 2}]
    trials, alone = trials_in(tmp_path / "packed", arms), trials_in(tmp_path / "alone", arms)
    for trial in trials:
        pack_them([trial], pack=pack)
        made.append([seat.session for seat in pack._streams._free if seat.session is not None])
    assert [len(sessions) for sessions in made] == [1, 1, 0, 0, 1]
    assert (made[0] == made[1]) == (engine == "captured")
    for place in (1, 4):
        assert run_trial(alone[place], SETTINGS)
        assert trials[place].result()["sha256"] == alone[place].result()["sha256"]


def test_a_trial_that_diverges_or_fails_does_not_hurt_the_others(tmp_path, engine):  # noqa: ARG001  # as above
    arms = [{}, {"recipe.lr": 1e30}, {"data.train_images": 16}, {"seed": 1}]
    trials, alone = trials_in(tmp_path / "packed", arms), trials_in(tmp_path / "alone", [arms[0], arms[3]])
    codes = pack_them(trials)
    assert [codes[trial.name] for trial in trials] == [0, 3, 3, 0]
    assert [trial.failure() and trial.failure()["reason"] for trial in trials] == [None, "diverged", "refused", None]
    for trial, same in zip((trials[0], trials[3]), alone, strict=True):
        assert run_trial(same, SETTINGS)
        assert same.result()["sha256"] == trial.result()["sha256"]


def test_a_stopped_trial_ends_with_its_epoch_without_a_failure_and_goes_on_to_the_same_weights(tmp_path):
    trial, alone = trials_in(tmp_path / "a", [{}])[0], trials_in(tmp_path / "b", [{}])[0]
    assert not run_trial(trial, SETTINGS, stopped=lambda: True)
    assert (len(trial.history()), trial.failure(), trial.result()) == (1, None, None)
    assert run_trial(trial, SETTINGS)
    assert run_trial(alone, SETTINGS)
    assert trial.result()["sha256"] == alone.result()["sha256"]


def test_a_set_is_loaded_once_and_bordered_once(monkeypatch):
    loads, images = [], SharedImages()
    monkeypatch.setattr(
        "resnet_lab.trials.packed_worker.load",
        lambda *arguments, load=resnet_lab.engine.session.load: loads.append(arguments) or load(*arguments),
    )
    cpu = torch.device("cpu")
    data = images.load(SPEC.data, None, cpu)
    assert images.load(SPEC.data, None, cpu) is data
    assert images.load(DataSpec(name="digits"), None, cpu) is not data
    assert len(loads) == 2
    one, other = (Session(replace(SPEC, {"seed": seed}), data, cpu) for seed in (0, 1))
    assert one.padded is other.padded
    assert Session(replace(SPEC, {"recipe.crop_padding": 2}), data, cpu).padded is not one.padded


def test_a_trial_that_leaves_the_gpu_unusable_says_that_it_killed_the_process(tmp_path, monkeypatch):
    reported, left = [], []
    pack = Pack(SETTINGS, reported.append)
    monkeypatch.setattr(pack, "_device_works", lambda: False)
    monkeypatch.setattr("resnet_lab.trials.packed_worker.os._exit", left.append)
    trial = trials_in(tmp_path, [{"recipe.lr": 1e30}])[0]
    pack.start(trial)
    pack.stop_all()
    assert (reported, left) == ([(trial.name, KILLED_PROCESS)], [FAILED])


def test_torch_compile_has_no_limit_that_leaves_a_network_uncompiled_in_silence():
    import torch._dynamo.config as dynamo

    with dynamo.patch(recompile_limit=8, accumulated_recompile_limit=256, fail_on_recompile_limit_hit=False):
        compile_without_limit()
        assert min(dynamo.recompile_limit, dynamo.accumulated_recompile_limit) > 1000
        assert dynamo.fail_on_recompile_limit_hit


@pytest.mark.cuda
def test_packed_on_a_gpu_is_equal_to_alone(tmp_path, monkeypatch):
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    settings = WorkerSettings(data_dir=None, device="cuda", environment={})
    arms = [{"model.width": 16, "seed": seed} for seed in range(4)] + [{"model.block.shortcut": "dropout"}]
    alone, packed = trials_in(tmp_path / "alone", arms), trials_in(tmp_path / "packed", arms)
    for trial in alone:
        pack_them([trial], settings)
    assert pack_them(packed, settings) == {trial.name: 0 for trial in packed}
    for one, other in zip(alone, packed, strict=True):
        assert one.environment()["step"] == "captured"
        assert one.result()["sha256"] == other.result()["sha256"]


@pytest.mark.cuda
def test_each_thread_has_a_stream_of_its_own_and_gives_it_back():
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    streams, seen = StreamPool(torch.device("cuda"), 2), []
    with streams.acquire():
        seen.append(torch.cuda.current_stream())
        with streams.acquire():
            seen.append(torch.cuda.current_stream())
    assert len({stream.cuda_stream for stream in seen} | {torch.cuda.default_stream().cuda_stream}) == 3
    with streams.acquire():
        assert torch.cuda.current_stream() in seen
