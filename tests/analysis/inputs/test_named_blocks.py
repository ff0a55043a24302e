"""Blocks by their names: cut from any forward, equal to it, or refused in a sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import analysis.lesions
import analysis.paths
from analysis.inputs.named_blocks import named_chain
from resnet_lab.errors import UserError

README = Path(__file__).parents[3] / "README.md"
pytestmark = pytest.mark.usefixtures("one_thread")


class MyBlock(nn.Module):
    """A pre-norm block: y = relu(n(x) + scale * f(n(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.f = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1))
        self.scale = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        h = self.norm(x)
        y = self.scale * self.f(h)
        if mask is not None:
            y = y * mask
        y += h
        return torch.relu(y)


class MyNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 4, 1)
        self.blocks = nn.ModuleList(MyBlock(4) for _ in range(3))
        self.classify = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        return self.classify(x.mean((2, 3)))  # type: ignore[no-any-return]


NAMES = ["blocks.0", "blocks.1", "blocks.2"]


@pytest.fixture(scope="module")
def net() -> MyNet:
    torch.manual_seed(0)
    model = MyNet()
    model(torch.randn(32, 3, 8, 8))  # running statistics that are not those of the start
    return model.eval()


@pytest.fixture(scope="module")
def batches(net: MyNet) -> list[tuple[Tensor, Tensor]]:
    x = torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return [(x, net(x).argmax(1))]


def by_hand(net: MyNet, x: Tensor, deleted: int) -> Tensor:
    x = net.embed(x)
    for number, block in enumerate(net.blocks):
        x = torch.relu(block.norm(x)) if number == deleted else block(x)
    return net.classify(x.mean((2, 3)))  # type: ignore[no-any-return]


def test_a_networks_own_blocks_are_deleted_as_by_hand(net: MyNet, batches: list[tuple[Tensor, Tensor]]) -> None:
    rows = analysis.lesions.run(net, NAMES[::-1], batches, branch="f", modes=("delete", "zero", "mean"))
    assert rows[0]["error"] == 0
    (x, y), deleted = batches[0], [row["error"] for row in rows if row["mode"] == "delete"]
    with torch.no_grad():
        assert deleted == [100 * (by_hand(net, x, k).argmax(1) != y).double().mean().item() for k in range(3)]
    assert len(rows) == 10


def test_readmes_lines_run_on_a_network_of_ones_own(net: MyNet, batches: list[tuple[Tensor, Tensor]]) -> None:
    (code,) = (code for code in README.read_text().split("```python\n") if code.startswith("from analysis import les"))
    given: dict[str, Any] = {"net": net, "batches": batches}
    exec(code.partition("```")[0], given)
    assert [row["block"] for row in given["damage"]] == [None, 0, 1, 2]
    assert [row["length"] for row in given["lengths"]] == [0, 1, 2, 3]


def test_paths_of_a_networks_own_blocks_add_up_to_its_gradient(
    net: MyNet, batches: list[tuple[Tensor, Tensor]]
) -> None:
    rows = analysis.paths.run(net, batches, NAMES, branch="f", draws=4)
    assert [row["count"] for row in rows] == [1, 3, 3, 1]
    assert rows[0]["residual"] < 1e-10


def test_torchvisions_blocks_by_name_are_those_it_finds_itself() -> None:
    from torchvision.models import resnet18

    torch.manual_seed(0)
    model = resnet18(num_classes=10).eval()
    batches = [(torch.randn(8, 3, 32, 32), torch.arange(8))]
    names = [f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)]
    chosen = {"modes": ("delete",)}
    found = analysis.lesions.run(model, "auto", batches, **chosen)
    assert analysis.lesions.run(model, names, iter(batches), branch="bn2", **chosen) == found


class Decides(MyNet):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() > 0 else super().forward(-x)


class Twice(MyNet):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + super().forward(2 * x)


class Past(MyNet):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x.mean()


@pytest.mark.parametrize(
    ("kind", "names", "branch", "said"),
    [
        (MyNet, ["block.0"], "f", "has no module 'block.0' to be a block: its modules are embed"),
        (MyNet, NAMES, "g", r"blocks\.0 has no module 'g'"),
        (MyNet, NAMES, "norm", "the output of norm in blocks.0 is not added to a shortcut"),
        (MyNet, NAMES, "", "say branch="),
        (Decides, NAMES, "f", "cannot be followed"),
        (Twice, NAMES, "f", r"runs blocks\.0 2 times"),
        (Past, NAMES, "f", "what follows the last block reads more"),
    ],
    ids=["block", "branch", "no branch", "none", "decides", "twice", "past"],
)
def test_what_cannot_be_cut_is_refused(kind: Callable[[], nn.Module], names: list[str], branch: str, said: str) -> None:
    batches = [(torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=torch.long))]
    with pytest.raises(UserError, match=said):
        analysis.lesions.run(kind(), names, batches, branch=branch)


def test_a_hook_that_changes_what_a_network_computes_is_found() -> None:
    model = MyNet().eval()
    model.register_forward_hook(lambda module, given, out: 2 * out)  # noqa: ARG005  # torch's signature
    with pytest.raises(UserError, match="logits that differ"):
        analysis.lesions.run(model, NAMES, [(torch.randn(2, 3, 8, 8), torch.zeros(2).long())], branch="f")


def test_numbers_and_a_branch_do_not_go_together() -> None:
    with pytest.raises(UserError, match="branch is read beside the names"):
        analysis.lesions.run(MyNet(), [0], [(torch.zeros(2, 3, 8, 8), torch.zeros(2).long())], branch="f")
    assert len(named_chain(MyNet(), NAMES, "f", (3, 8, 8))) == 3
