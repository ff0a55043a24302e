"""The experiments, on a network whose errors under every lesion are known, and on torchvision's."""

from itertools import combinations
from typing import NamedTuple

import pytest
import torch
from torch import nn

import analysis.lesions
from analysis.inputs.chain import Chain
from analysis.lesions.choices import Experiment, LesionPlan
from analysis.lesions.evaluator import EvalSettings, LesionEvaluator
from analysis.lesions.examine import examine, run
from analysis.lesions.experiments import Case
from analysis.lesions.modes import LesionInputs
from analysis.lesions.rows import as_rows, class_rows
from resnet_lab.errors import UserError


class Adds(nn.Module):
    """A block that adds a constant to a number. It passes for a residual block of any network."""

    def __init__(self, amount):
        super().__init__()
        self.amount = amount

    def before(self, x):
        return x

    def skip(self, x):
        return x

    def residual(self, x):
        return torch.full_like(x, self.amount)

    def after(self, x):
        return x

    def forward(self, x):
        return self.after(self.skip(x) + self.residual(x))


class Threshold(nn.Module):
    """Class 1 above 0, else class 0."""

    def forward(self, x):
        return torch.cat([-x, x], 1)


class Example(NamedTuple):
    model: nn.Module
    loader: list[tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture
def three(monkeypatch):
    """Three blocks add 4, 2 and 1. Image i reads -i + 0.5, i = 0..7, so that all are of class 1 only with 7 added."""
    items = (nn.Linear(1, 1), Adds(4.0), Adds(2.0), Adds(1.0), Threshold())
    with torch.no_grad():
        items[0].weight.fill_(1)
        items[0].bias.fill_(0)
    chain = Chain(items, (1, 2, 3))
    monkeypatch.setattr(analysis.lesions.examine, "decompose", lambda _: chain)
    monkeypatch.setattr(Chain, "shapes", lambda _: [(torch.Size([1]), torch.Size([1]))] * 3)
    x = 0.5 - torch.arange(8.0)[:, None]
    y = torch.ones(8, dtype=torch.int64)
    return Example(nn.Sequential(*items), [(x[:3], y[:3]), (x[3:], y[3:])])


def lesion(three, *experiments, **options):
    model, loader = three
    plan = LesionPlan(experiments=[Experiment(name) for name in experiments], **options)
    block_set, findings = examine(
        model, plan, EvalSettings(batches=loader), LesionInputs(model=model, reference=loader)
    )
    return as_rows(findings, block_set)


def errors(rows, experiment):
    """Return {block or blocks: error in eighths}."""
    return {
        tuple(row["block"]) if isinstance(row["block"], list) else row["block"]: row["error"] / 12.5
        for row in rows
        if row["experiment"] == experiment
    }


def test_single_deletions_cost_what_the_blocks_add(three):
    rows = run(three.model, loader=three.loader)
    assert errors(rows, "base") == {None: 0}
    assert errors(rows, "single") == {0: 4, 1: 2, 2: 1}
    assert [row["k"] for row in rows] == [0, 1, 1, 1]
    assert [row["damage"] for row in rows] == [0, 50, 25, 12.5]
    assert all(row["low"] <= row["error"] <= row["high"] for row in rows)
    assert [row["downsamples"] for row in rows] == [None, False, False, False]


def test_pairs_add_up_here_so_they_do_not_interact(three):
    rows = lesion(three, "pairs")
    assert errors(rows, "pairs") == {(0, 1): 6, (0, 2): 5, (1, 2): 3}
    assert errors(rows, "single") == {0: 4, 1: 2, 2: 1}
    assert [row["interaction"] for row in rows if row["experiment"] == "pairs"] == [0, 0, 0]


def test_prefix_suffix_and_duplicate(three):
    rows = lesion(three, "prefix", "suffix", "duplicate")
    assert errors(rows, "prefix") == {(0,): 4, (0, 1): 6, (0, 1, 2): 7}
    assert errors(rows, "suffix") == {(2,): 1, (1, 2): 3, (0, 1, 2): 7}
    assert errors(rows, "duplicate") == {0: 0, 1: 0, 2: 0}


def test_few_sets_are_all_taken_once(three):
    rows = lesion(three, "multiple", draws=3)
    assert errors(rows, "multiple") == {
        (0,): 4, (1,): 2, (2,): 1, (0, 1): 6, (0, 2): 5, (1, 2): 3, (0, 1, 2): 7
    }  # fmt: skip


def test_draws_are_those_of_their_seed_for_any_number_of_draws(three):
    def drawn(draws, seed):
        rows = lesion(three, "multiple", draws=draws, seed=seed, max_k=2, width=0)
        return [tuple(row["block"]) for row in rows if row["k"] == 2]

    assert drawn(2, seed=1) == drawn(2, seed=1)
    assert {seed: tuple(drawn(2, seed=seed)) for seed in range(8)} != dict.fromkeys(range(8), tuple(drawn(2, seed=0)))
    assert set(drawn(2, seed=0)) <= set(combinations(range(3), 2))


def test_mean_outputs_can_be_those_of_other_images(monkeypatch):
    """Branch outputs equal their input here, so the mean over the reference images is what the lesion adds."""

    class Doubles(Adds):
        def residual(self, x):
            return x

    start = nn.Linear(1, 1)
    nn.init.ones_(start.weight)
    nn.init.zeros_(start.bias)
    model = nn.Sequential(start, Doubles(0.0), Threshold())
    monkeypatch.setattr(analysis.lesions.examine, "decompose", lambda _: Chain(tuple(model), (1,)))
    monkeypatch.setattr(Chain, "shapes", lambda _: [(torch.Size([1]), torch.Size([1]))])
    images, labels = torch.tensor([[-1.0], [-2.0]]), torch.zeros(2, dtype=torch.int64)

    def error(reference):
        return run(model, loader=[(images, labels)], modes=["mean"], reference=reference)[1]["error"]

    assert error(None) == 0  # -1.5 is added
    assert error([(torch.tensor([[1.5]]), labels[:1])]) == 50
    assert error([(torch.tensor([[3.0]]), labels[:1])]) == 100


def test_scale_and_mean_do_nothing_to_constant_branches(three):
    rows = run(three.model, loader=three.loader, modes=["mean", "scale:2", "scale:0"])
    known = {(row["mode"], row["block"]): row["error"] / 12.5 for row in rows if row["experiment"] == "single"}
    assert [known["mean", block] for block in range(3)] == [0, 0, 0]
    assert [known["scale:2", block] for block in range(3)] == [0, 0, 0]
    assert [known["scale:0", block] for block in range(3)] == [4, 2, 1]


def test_only_the_blocks_asked_for(three):
    rows = run(three.model, [2, 0, 2], three.loader)
    assert errors(rows, "single") == {0: 4, 2: 1}
    with pytest.raises(UserError, match=r"no block 3: this network has 3, numbered from 0"):
        run(three.model, [3], three.loader)


def test_drawing_stops_once_the_interval_is_narrow():
    constant = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    series = [[Case(experiment="multiple", mode="delete", network=(constant,), k=1, draw=d) for d in range(20)]]
    loader = [(torch.ones(4, 1), torch.zeros(4, dtype=torch.int64))]
    evaluator = LesionEvaluator(whole=(constant,), settings=EvalSettings(batches=loader))
    assert len(evaluator.until_narrow("", series, width=0.1)) == 5
    assert len(evaluator.until_narrow("", series, width=0)) == 20


def test_damage_by_class(three):
    model, loader = three
    _, findings = examine(model, LesionPlan(), EvalSettings(batches=loader), LesionInputs(model=model))
    rows = class_rows(findings)
    assert [(row["block"], row["class"], row["error"], row["damage"]) for row in rows] == [
        (None, 1, 0, 0), (0, 1, 50, 50), (1, 1, 25, 25), (2, 1, 12.5, 12.5)
    ]  # fmt: skip


def test_torchvisions_resnet18_from_python():
    from torchvision.models import resnet18

    torch.manual_seed(0)
    model = resnet18(weights=None, num_classes=10).eval()
    x = torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        y = model(x).argmax(1)
    before = model.state_dict()["layer1.0.conv1.weight"].clone()
    rows = run(model, blocks="auto", loader=[(x, y)])
    assert [row["block"] for row in rows] == [None, *range(8)]
    assert rows[0]["error"] == 0
    assert [row["block"] for row in rows if row["downsamples"]] == [2, 4, 6]
    assert torch.equal(model.layer1[0].conv1.weight, before)
    assert model.relu.inplace  # the caller's network is not changed


def test_what_cannot_be_lesioned_is_refused():
    loader = [(torch.rand(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64))]
    with pytest.raises(UserError, match="Linear has no residual blocks"):
        run(nn.Linear(2, 2), loader=loader)
    with pytest.raises(UserError, match="give loader="):
        run(nn.Linear(2, 2))
    with pytest.raises(UserError, match="no experiment 'singel': choose from single"):
        run(nn.Linear(2, 2), loader=loader, experiments=["singel"])
