"""The captured engine's functions, recorded by a stand-in: bit-equal to the eager engine on a CPU."""

from types import SimpleNamespace

import pytest
import torch

from ablations.layout import TABLE
from resnet_lab.data.load import load
from resnet_lab.engine.captured import WARM_UP, CapturedRunner, why_eager
from resnet_lab.engine.eager import EagerRunner
from resnet_lab.engine.graph_capture import CaptureError, CudaGraphCapture, NoCapture
from resnet_lab.engine.resume import async_state_writer, load_state
from resnet_lab.engine.session import Session
from resnet_lab.engine.starting_point import starting_point
from resnet_lab.spec import Augmentation, Optimizer
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import replace
from resnet_lab.trials.throughput import noise_images
from tests.specs import TINY
from tests.tape import TapeCapture

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SMALL = replace(TINY, {"recipe.iterations": 10})  # the third epoch is cut after two of its four steps
RATES = {"sgd": 0.1, "nesterov": 0.1, "adadelta": 1.0}
CASES = [
    *({"recipe.optimizer": each, "recipe.lr": RATES.get(each, 1e-3)} for each in ("sgd", "nesterov", "adam", "adamw")),
    *({"recipe.optimizer": each, "recipe.lr": RATES.get(each, 1e-3)} for each in ("rmsprop", "adadelta")),
    *({"recipe.optimizer": each, "recipe.momentum_kind": "caffe"} for each in ("sgd", "nesterov")),
    {"recipe.momentum": 0.0},
    *({"recipe.augmentation": each} for each in Augmentation if each != "crop_flip"),
    *({"recipe.schedule": each} for each in ("cosine", "one_cycle", "constant")),
    {"recipe.schedule": "plateau", "recipe.plateau_patience": 0, "recipe.lr_decay": 0.5, "recipe.lr": 1e-6},
    {"recipe.warmup": "linear", "recipe.warmup_iterations": 6},
    {"recipe.label_smoothing": 0.1},
    {"recipe.mixup": 0.4},
    {"recipe.ema": 0.9},
    {"recipe.ema": 0.9, "recipe.mixup": 0.4, "recipe.select": "best_validation"},
    {"data.normalise": "none"},
    *({"data.normalise": "per_pixel", "recipe.augmentation": each} for each in Augmentation),
    {"recipe.select": "best_validation"},
    {"model.block.shortcut": "dropout"},
    {"model.block.preactivation": "full", "recipe.optimizer": "adam", "recipe.lr": 1e-3},
]
NEW = [
    {"recipe.optimizer": "adagrad", "recipe.lr": 0.01},
    {"recipe.optimizer": "adagrad", "recipe.lr": 0.01, "recipe.weight_decay": 0.0},
    {"model.block.drop_path": 0.5},
    {"recipe.effective_blocks": 2},
    {"recipe.effective_blocks": 2, "model.block.drop_path": 0.3},
    {"protocol.train_mode": "first_epoch"},
    {"model.block.branch_dropout": 0.3},
    {"model.block.shortcut": "exclusive_gating"},
]
"""What was eager on a GPU, or draws."""


def named(switches):
    return ",".join(f"{name.rpartition('.')[2]}={value}" for name, value in switches.items())


class Counting(NoCapture):
    """A stand-in that counts how often it recorded and replayed."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def record(self, work, generator=None):  # noqa: ARG002  # the protocol's
        self.recorded += 1

        def replay():
            self.replayed += 1
            work()

        return replay


def pair(switches, precision="fp32"):
    spec = replace(SMALL, {**switches, "recipe.precision": precision})
    data = load(spec.data)
    return Session(spec, data, CPU), Session(spec, data, CPU, capture=Counting())


def figures(record):
    return record.iteration, record.lr, record.train_loss, record.train_error, record.val_loss, record.val_error


def states(session):
    """Return every tensor of the network and of the optimiser, by name."""
    found = dict(session.model.state_dict())
    for index, state in session.optimizer.state_dict().get("state", {}).items():  # muon's is two
        found |= {f"{index}.{name}": value for name, value in state.items() if isinstance(value, torch.Tensor)}
    return found


def assert_equal(one, other):
    one, other = states(one), states(other)
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


@pytest.mark.parametrize(
    ("switches", "precision"),
    [(switches, "fp32") for switches in CASES[::4]] + [(switches, "bf16") for switches in CASES[:2]],
    ids=lambda value: named(value) if isinstance(value, dict) else value,
)
def test_a_recorded_step_is_bit_equal_to_the_eager_one_to_the_end_of_the_last_short_epoch(switches, precision):
    eager, captured = pair(switches, precision)
    assert isinstance(eager.runner, EagerRunner)
    assert isinstance(captured.runner, CapturedRunner)
    while not eager.done:
        assert figures(eager.run_epoch()) == figures(captured.run_epoch())
        assert torch.equal(eager.wrong_by_batch, captured.wrong_by_batch)
        assert_equal(eager, captured)
    assert captured.done
    assert eager.test() == captured.test()
    capture = captured.runner.capture
    assert (capture.recorded, capture.replayed) == (1, SMALL.recipe.iterations)


@pytest.mark.parametrize(
    ("switches", "precision"),
    [(switches, "fp32") for switches in CASES + NEW] + [(switches, "bf16") for switches in (CASES[0], *NEW[2:4])],
    ids=lambda value: named(value) if isinstance(value, dict) else value,
)
def test_replayed_without_its_python_a_step_is_bit_equal_to_the_eager_one(switches, precision):
    spec = replace(SMALL, {**switches, "recipe.precision": precision})
    data = load(spec.data)
    eager, taped = Session(spec, data, CPU), Session(spec, data, CPU, capture=TapeCapture())
    while not eager.done:
        assert figures(eager.run_epoch()) == figures(taped.run_epoch())
        assert_equal(eager, taped)
    # On a CPU alone torch's RMSprop and Adadelta read their rate, and its one_hot the labels, which mixup asks for.
    reads = switches.get("recipe.optimizer") in ("rmsprop", "adadelta") or "recipe.mixup" in switches
    assert taped.mode.startswith("eager: the capture failed" if reads else "captured")


@pytest.mark.parametrize(
    ("switches", "precision"),
    [
        ({}, "bf16"),
        ({"recipe.optimizer": "muon", "recipe.lr": 0.01}, "fp32"),
        ({"recipe.optimizer": "adagrad", "recipe.ema": 0.9, "recipe.select": "best_validation"}, "fp32"),
        ({"model.block.shortcut": "dropout", "model.block.drop_path": 0.5}, "fp32"),
        ({"recipe.effective_blocks": 2, "recipe.schedule": "plateau", "recipe.plateau_patience": 0}, "fp32"),
        ({"protocol.train_mode": "first_epoch", "protocol.seeding": "unpaired"}, "fp32"),
    ],
    ids=lambda value: named(value) or "plain" if isinstance(value, dict) else value,
)
def test_a_session_restarted_for_the_next_seed_is_bit_equal_to_a_new_one_and_not_captured_again(switches, precision):
    spec, capture = replace(SMALL, {**switches, "recipe.precision": precision}), TapeCapture()
    data, following = load(spec.data), replace(SMALL, {**switches, "recipe.precision": precision, "seed": 3})
    used, new = Session(spec, data, CPU, capture=capture), Session(following, data, CPU, capture=TapeCapture())
    while not used.done:
        used.run_epoch()
    used.test()
    assert used.can_become(following, data)
    used.restart(following)
    assert starting_point(used) == starting_point(new)
    while not new.done:
        assert figures(new.run_epoch()) == figures(used.run_epoch())
        assert_equal(new, used)
    assert new.test() == used.test()
    assert len(capture.tapes) == (1 if "protocol.train_mode" not in switches else 4)


def test_a_session_becomes_no_run_that_differs_in_more_than_its_seed_or_that_was_not_captured():
    data = load(SMALL.data)
    captured, eager = Session(SMALL, data, CPU, capture=NoCapture()), Session(SMALL, data, CPU)
    assert captured.can_become(replace(SMALL, {"seed": 1}), data)
    assert not eager.can_become(replace(SMALL, {"seed": 1}), data)
    for switches in ({"recipe.lr": 0.5}, {"model.width": 8}, {"data.split": 1}, {"protocol.validation": "test"}):
        assert not captured.can_become(replace(SMALL, switches), data), switches
    with pytest.raises(TypeError):
        eager.restart(SMALL)
    captured.run_epoch()
    captured.close()
    assert captured.runner._replay is None


@pytest.mark.parametrize("layout", list(TABLE), ids=lambda layout: "-".join(layout))
def test_every_layout_is_replayed_without_its_python(layout):
    fields = ("preactivation", "norm_position", "act_position")
    switches = {f"model.block.{name}": value.value for name, value in zip(fields, layout, strict=True)}
    spec = replace(SMALL, {**switches, "recipe.precision": "fp32"})
    data = load(spec.data)
    eager = Session(spec, data, CPU)
    taped = Session(spec, data, CPU, capture=TapeCapture(), kernels=Kernels.TORCH)
    assert figures(eager.run_epoch()) == figures(taped.run_epoch())
    assert_equal(eager, taped)
    assert taped.mode == "captured"


@pytest.mark.parametrize(("precision", "operations", "casts"), [("bf16", 197, 4), ("fp32", 192, 1)])
def test_a_step_of_resnet_20_launches_nothing_that_buys_nothing(precision, operations, casts):
    spec = replace(SMALL, {"model.depth": 20, "recipe.batch_size": 4, "recipe.precision": precision})
    capture = TapeCapture()
    session = Session(spec, noise_images(spec, CPU, 2), CPU, capture=capture, kernels=Kernels.TORCH)
    session.run_steps(1)
    names = capture.tapes[0].names()
    # Of 19 layers: eight operations each, with their gradients; no counter of batches, and no cast of each weight.
    assert len(names) <= operations
    assert names.count("aten._to_copy.default") <= casts
    assert names.count("aten.add_.Tensor") <= 3


def test_a_captured_muon_is_torchs_but_for_the_rounding_of_its_products():
    spec = replace(SMALL, {"recipe.optimizer": "muon", "recipe.lr": 0.01, "recipe.precision": "fp32"})
    data = load(spec.data)
    eager, called, taped = (Session(spec, data, CPU, capture=each) for each in (None, NoCapture(), TapeCapture()))
    for one in (eager, called, taped):
        one.run_epoch()
    assert_equal(called, taped)
    for name, value in states(eager).items():
        assert torch.allclose(value, states(taped)[name], atol=0.02), name


def test_a_step_that_cannot_be_captured_trains_eagerly_and_says_why():
    eager, _ = pair({})
    failing = Session(eager.spec, eager.data, CPU, capture=TapeCapture())
    failing.model.fc.register_forward_hook(lambda *arguments: float(arguments[2].detach().sum()) and None)
    while not eager.done:
        assert figures(eager.run_epoch()) == figures(failing.run_epoch())
        assert_equal(eager, failing)
    assert failing.mode.startswith("eager: the capture failed: operation not permitted")
    assert "\n" not in failing.mode


class FakeGraph:
    """A torch.cuda.CUDAGraph without a GPU, that remembers what was asked of it."""

    calls: list[str] = []  # noqa: RUF012  # one list for all graphs

    def capture_begin(self, capture_error_mode):
        assert capture_error_mode == "thread_local"
        self.calls.append("begin")

    def capture_end(self):
        self.calls.append("end")

    def replay(self):
        self.calls.append("replay")


def test_a_failed_capture_is_ended_and_another_one_made_so_that_the_process_stays_usable(monkeypatch):
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(FakeGraph, "calls", [])
    capture = CudaGraphCapture.__new__(CudaGraphCapture)
    capture._device, capture._stream = CPU, SimpleNamespace(synchronize=lambda: FakeGraph.calls.append("wait"))

    def fails():
        raise RuntimeError("operation not permitted\nand a trace")

    with pytest.raises(CaptureError, match=r"^operation not permitted$"):
        capture.record(fails)
    assert FakeGraph.calls == ["begin", "end", "begin", "end", "wait"]
    capture.record(lambda: None)()
    assert FakeGraph.calls[5:] == ["begin", "end", "replay"]


@pytest.mark.parametrize("switches", CASES[:7], ids=named)
def test_a_captured_session_goes_on_from_a_state_of_either_engine(switches, tmp_path):
    whole, other = pair(switches)
    for one in (whole, other):
        one.run_epoch()
    for number, source in enumerate((whole, other)):
        with async_state_writer(tmp_path / "resume.pt") as writer:
            writer.save(source.state())
        for again in pair(switches):
            again.restore(load_state(tmp_path / "resume.pt"))
            assert_equal(again, source)
            again.run_epoch()
            if number == 0 and isinstance(again.runner, EagerRunner):
                expected = again
            assert_equal(again, expected)


def test_a_session_restored_after_it_trained_records_again():
    first, captured = pair({})
    state = first.state()
    records = [captured.run_epoch()]
    captured.restore(state)
    records.append(captured.run_epoch())
    assert figures(records[0]) == figures(records[1])
    assert captured.runner.capture.recorded == 2
    eager, _ = pair({})
    eager.run_epoch()
    assert_equal(eager, captured)


@pytest.mark.parametrize("switches", [{}, {"recipe.optimizer": "adam"}, {"model.block.shortcut": "dropout"}], ids=named)
def test_the_warm_up_leaves_no_trace(switches):
    untouched, captured = pair(switches)
    random = torch.get_rng_state()
    places = {name: tensor.data_ptr() for name, tensor in captured.model.state_dict().items()}
    captured.run_steps(0)
    assert captured.runner.capture.recorded == 1
    assert torch.equal(torch.get_rng_state(), random)
    for name, tensor in captured.model.state_dict().items():
        assert torch.equal(tensor, untouched.model.state_dict()[name]), name
        assert tensor.data_ptr() == places[name], "a graph reads and writes where it was recorded"
    for state in captured.optimizer.state.values():
        assert all(not value.any() for value in state.values())
    assert (captured.iteration, int(captured.runner.buffers.step)) == (0, 0)
    assert WARM_UP > 1  # an optimiser's second step takes another path than its first


def test_tensors_of_the_step_stay_where_they_were_recorded():
    _, captured = pair({"recipe.optimizer": "adam", "recipe.augmentation": "cutout"})
    captured.run_epoch()
    places = {name: tensor.data_ptr() for name, tensor in states(captured).items()}
    buffers = captured.runner.buffers
    draws = captured.runner.draws.order.data_ptr(), captured.runner.draws.centre.data_ptr()
    captured.run_epoch()
    assert places == {name: tensor.data_ptr() for name, tensor in states(captured).items()}
    assert captured.runner.buffers is buffers
    assert draws == (captured.runner.draws.order.data_ptr(), captured.runner.draws.centre.data_ptr())
    assert captured.optimizer.param_groups[0]["lr"] is buffers.rate
    assert all(parameter.grad is None for parameter in captured.model.parameters())


def test_every_optimiser_is_captured():
    recipes = [replace(SMALL, {"recipe.optimizer": each}).recipe for each in Optimizer]
    assert {why_eager(recipe, host_noise=False) for recipe in recipes} == {None}
    assert "on the host" in (why_eager(SMALL.recipe, host_noise=True) or "")


def gpu():
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    return torch.device("cuda")


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("switches", CASES, ids=named)
def test_a_graph_trains_as_its_functions_do_one_by_one(switches, precision, monkeypatch):
    device = gpu()
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    spec = replace(SMALL, {**switches, "recipe.precision": precision})
    data = load(spec.data, device=device)
    by_hand = Session(spec, data, device, capture=NoCapture())
    graph = Session(spec, data, device)
    assert isinstance(graph.runner.capture, CudaGraphCapture)
    while not graph.done:
        assert figures(by_hand.run_epoch()) == figures(graph.run_epoch())
        assert_equal(by_hand, graph)
    assert by_hand.test() == graph.test()


def test_compiled_training_goes_through_torch_compile_and_keeps_the_networks_names(monkeypatch):
    compile_, seen = torch.compile, []

    def without_inductor(model):
        seen.append(model)
        return compile_(model, backend="eager")

    monkeypatch.setattr(torch, "compile", without_inductor)
    data = load(SMALL.data)
    plain = Session(SMALL, data, CPU, capture=NoCapture())
    compiled = Session(SMALL, data, CPU, capture=NoCapture(), compiled=True)
    assert seen == [compiled.model]
    assert figures(plain.run_epoch()) == figures(compiled.run_epoch())
    assert_equal(plain, compiled)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_tenth_of_the_rate_for_fixups_scalars_is_the_same_captured(optimizer):
    switches = {"model.block.norm": "none", "model.block.branch_init": "fixup_authors", "recipe.optimizer": optimizer}
    eager, captured = pair({**switches, "recipe.lr": 1e-2})
    while not eager.done:
        assert eager.run_epoch().train_loss == captured.run_epoch().train_loss
    assert isinstance(captured.runner, CapturedRunner)
    rates = [float(group["lr"]) for group in captured.optimizer.param_groups]
    assert rates[1] == rates[0] / 10
    for one, two in zip(eager.model.parameters(), captured.model.parameters(), strict=True):
        assert torch.equal(one, two)
