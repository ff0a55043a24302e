"""Reuse of a common prefix: the numbers of full passes, bit for bit."""

import pytest
import torch
from torch import nn

from analysis.inputs.chain import decompose
from analysis.lesions.choices import Experiment, Lesion
from analysis.lesions.experiments import BlockSet, Lesions, pairs, runs, single
from analysis.lesions.modes import LesionInputs, lesioned_blocks
from analysis.lesions.reorder import groups, reordered, swaps
from analysis.lesions.shared_prefix import Outcome, evaluate, logits_of
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

BLOCK = "model.block."
LAYOUTS = [
    {},
    {BLOCK + "norm_position": "after_add"},
    {BLOCK + "preactivation": "full"},
    {BLOCK + "shortcut": "B", BLOCK + "kind": "bottleneck", "model.depth": 29},
    {BLOCK + "downsample": "separate_conv"},
    {BLOCK + "downsample": "separate_conv_each"},
    {BLOCK + "attention": "se", BLOCK + "drop_path": 0.5},
]


def network(changes=(), seed=0):
    spec = replace(RunSpec(), {"model.depth": 14, "model.width": 4, **dict(changes)})
    model = build_network(spec.model)
    initialise(model, seed)
    return model.eval()


def images(n=6):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 3, 16, 16, generator=generator)
    return x, torch.randint(10, (n,), generator=generator)


def all_networks(model):
    block_set = BlockSet.of(decompose(model))
    damage = Lesions(
        mode="delete", modules=lesioned_blocks(block_set.chain, Lesion.parse("delete"), LesionInputs(model=model))
    )
    cases = [block_set.base, *single(block_set, damage), *pairs(block_set, damage)]
    cases += runs(block_set, damage, Experiment.SUFFIX, block_set.blocks)
    networks = [case.network for case in cases]
    places = groups(block_set.shapes, block_set.movable)
    order = swaps(len(block_set.chain), places, 2, seed=0, draw=0)
    return [*networks, reordered(block_set.chain, order), networks[1]]


@pytest.mark.parametrize("changes", LAYOUTS, ids=lambda changes: " ".join(map(str, changes.values())) or "baseline")
def test_logits_are_those_of_full_passes_bit_for_bit(changes):
    model, (x, _) = network(changes), images()
    networks = all_networks(model)
    reused, full = dict(logits_of(networks, x)), dict(logits_of(networks, x, reuse=False))
    assert reused.keys() == full.keys() == set(range(len(networks)))
    assert all(torch.equal(reused[index], full[index]) for index in full)
    with torch.inference_mode():
        assert torch.equal(reused[0], model(x))


class Counting(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.factor


def test_each_common_prefix_runs_once():
    a, b, c, other = (Counting(factor) for factor in (2.0, 3.0, 5.0, 7.0))
    networks = [(a, b, c), (a, other, c), (a, b, other), (a, b, c)]
    found = dict(logits_of(networks, torch.ones(1, 1)))
    assert [found[index].item() for index in range(4)] == [30, 70, 42, 30]
    assert (a.calls, b.calls, c.calls, other.calls) == (1, 1, 2, 2)


def test_outcomes_count_by_class_over_all_batches():
    class Always(nn.Module):
        def forward(self, x):
            return torch.tensor([0.0, 1.0, 0.0]).expand(len(x), 3)

    batches = [(torch.zeros(3, 1), torch.tensor([0, 1, 1])), (torch.zeros(1, 1), torch.tensor([2]))]
    steps = []
    (outcome,) = evaluate([(Always(),)], batches, advance=lambda: steps.append(1))
    assert outcome == Outcome(wrong=(1, 0, 1), images=(1, 2, 1))
    assert outcome.error == 50
    assert outcome.interval(1).mean == 0
    assert len(steps) == 2


def test_wilson_interval_of_an_error():
    """9 wrong of 100: the score interval (Wilson 1927) is 4.81 to 16.23 %."""
    interval = Outcome(wrong=(9,), images=(100,)).interval()
    assert (interval.mean, round(interval.low, 2), round(interval.high, 2)) == (9, 4.81, 16.23)


def test_no_images_and_labels_without_a_class_are_refused():
    with pytest.raises(UserError, match="no images"):
        evaluate([(nn.Identity(),)], [])
    with pytest.raises(UserError, match=r"label 7, but the network has 3 classes"):
        evaluate([(nn.Identity(),)], [(torch.zeros(1, 3), torch.tensor([7]))])
