"""Choice of a GPU's kernels, with stand-ins for them: checked, raced, remembered; torch's where anything is amiss."""

import pytest
import torch
from torch import nn

from resnet_lab.engine import kernel_choice
from resnet_lab.engine.graph_capture import NoCapture
from resnet_lab.engine.kernel_choice import Sample, captured_seconds, choose_kernels, race, why_slower_or_wrong
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.runner.resources import require_kernels
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import replace

CPU = torch.device("cpu")
SAMPLE = Sample(shape=(4, 3, 8, 8), dtype=torch.bfloat16, device=CPU)


class StandIn(nn.Module):
    """In the place of the fused network: torch's own, with an error on the logits."""

    wrong = 0.0

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x) * (1 + self.wrong)


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(kernel_choice, "FusedNetwork", StandIn)
    torch.manual_seed(0)
    spec = replace(RunSpec(), {"model.depth": 8, "model.width": 4, "model.block.shortcut": "dropout"})
    return build_network(spec.model, channels=3, classes=10, size=8)


def timed(fused):
    """Return a clock by which the fused kernels take so many seconds and torch's one."""
    return lambda network, _: fused if isinstance(network, StandIn) else 1.0


@pytest.mark.parametrize(
    ("asked", "fused", "expected"),
    [("auto", 0.5, ""), ("auto", 0.99, "not faster here"), ("auto", 2.0, "not faster here"), ("fused", 2.0, "")],
)
def test_kernels_that_agree_are_raced_unless_they_were_asked_for(network, asked, fused, expected):
    assert why_slower_or_wrong(network, SAMPLE, Kernels(asked), timed(fused)).endswith(expected)


@pytest.mark.parametrize("wrong", [0.1, float("nan")])
@pytest.mark.parametrize("asked", ["auto", "fused"])
def test_kernels_that_differ_are_not_taken_however_fast(network, monkeypatch, asked, wrong):
    monkeypatch.setattr(StandIn, "wrong", wrong)
    found = why_slower_or_wrong(network, SAMPLE, Kernels(asked), timed(0.1))
    assert found.startswith("the fused kernels differ from torch's by ")


def test_kernels_that_cannot_be_compiled_are_said_in_one_line(network):
    def fail(*_):
        raise ValueError("no such card\nand many lines")

    assert why_slower_or_wrong(network, SAMPLE, Kernels.AUTO, fail) == "the fused kernels failed: no such card"


def test_a_check_leaves_no_trace_in_the_network(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    why_slower_or_wrong(network, SAMPLE, Kernels.AUTO, timed(0.5))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_race_takes_turns_and_the_least_time(network):
    order, times = [], iter([3.0, 2.0, 1.0, 5.0, 4.0, 6.0])
    networks = [network, StandIn(network)]
    assert race(networks, SAMPLE, lambda one, _: (order.append(one), next(times))[1]) == (1.0, 2.0)
    assert order == networks * 3
    assert captured_seconds(network, SAMPLE, NoCapture()) > 0


def test_an_answer_is_remembered_by_what_it_depends_on(network, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    found = []
    monkeypatch.setattr(kernel_choice, "why_slower_or_wrong", lambda *_: found.append(1) or "slow")
    monkeypatch.setattr(kernel_choice.importlib.util, "find_spec", lambda _: object())
    for _ in range(2):
        assert kernel_choice.why_torch(network, SAMPLE, Kernels.AUTO) == "slow"
    assert len(found) == 1
    kernel_choice.why_torch(network, SAMPLE, Kernels.FUSED)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "another card")
    kernel_choice.why_torch(network, SAMPLE, Kernels.AUTO)
    assert len(found) == 3
    monkeypatch.setattr(kernel_choice.importlib.util, "find_spec", lambda _: None)
    assert kernel_choice.why_torch(network, SAMPLE, Kernels.AUTO) == "Triton is not installed"
    assert "no batch norm" in kernel_choice.why_torch(network.eval(), SAMPLE, Kernels.AUTO)
    assert "block factory" in kernel_choice.why_torch(nn.Linear(1, 1), SAMPLE, Kernels.AUTO)


def test_on_a_cpu_auto_is_the_compiled_kernels_torch_is_torch_and_fused_is_refused(network):
    sample = Sample(shape=(4, 3, 8, 8), dtype=torch.float32, device=CPU)
    assert choose_kernels(network, sample, Kernels.TORCH) == (network, "torch: asked for")
    assert "device" not in choose_kernels(network, sample)[1]
    with pytest.raises(UserError, match="a GPU's, and the device is cpu: use auto or torch"):
        choose_kernels(network, sample, Kernels.FUSED)
    with pytest.raises(UserError, match="a GPU's, and the device is cpu: use auto or torch"):
        require_kernels("cpu", Kernels.FUSED)
