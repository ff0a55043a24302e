"""The exact spectrum against every single path, and against the whole gradient for every kind of block."""

import dataclasses
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ablations.spec import BlockSpec
from analysis.inputs.chain import Chain, decompose
from analysis.paths.recording import full_gradient, prepare, record_chain
from analysis.paths.sampling import draw_paths, path_norms, sample
from analysis.paths.spectrum import by_length, exact_spectrum
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec

pytestmark = pytest.mark.usefixtures("one_thread")

DRAW = torch.Generator().manual_seed(0)
IMAGES = torch.randn(4, 1, 8, 8, generator=DRAW, dtype=torch.float64)
LABELS = torch.tensor([0, 3, 3, 9])

# A layout or shortcut each, with what else changes a block's Jacobians.
BLOCKS = {
    "baseline": BlockSpec(),
    "projection": BlockSpec(shortcut="B"),
    "projection everywhere": BlockSpec(shortcut="C"),
    "conv1x1": BlockSpec(shortcut="conv1x1"),
    "scaling": BlockSpec(shortcut="constant_scaling"),
    "exclusive gating": BlockSpec(shortcut="exclusive_gating", gate_bias=-1.0),
    "shortcut-only gating": BlockSpec(shortcut="shortcut_only_gating", gate_bias=-1.0),
    "dropout": BlockSpec(shortcut="dropout"),
    "norm after": BlockSpec(norm_position="after_add", shortcut="B"),
    "act before": BlockSpec(act_position="before_add"),
    "no act": BlockSpec(act_position="none"),
    "norm after, act before": BlockSpec(norm_position="after_add", act_position="before_add"),
    "norm after, no act": BlockSpec(norm_position="after_add", act_position="none"),
    "relu only": BlockSpec(preactivation="relu_only"),
    "full": BlockSpec(preactivation="full"),
    "full, projection": BlockSpec(preactivation="full", shortcut="B"),
    "full, raw projection": BlockSpec(preactivation="full", shortcut="C", projection_tap="raw"),
    "pyramid": BlockSpec(preactivation="full", remove_first_act=True, last_norm=True),
    "separate conv": BlockSpec(downsample="separate_conv"),
    "separate conv after each stage": BlockSpec(downsample="separate_conv_each"),
    "bottleneck": BlockSpec(kind="bottleneck", shortcut="B"),
    "bottleneck, stride first": BlockSpec(kind="bottleneck", shortcut="B", stride_on="conv1"),
    "pooled": BlockSpec(shortcut="avg_pool"),
    "pooled by the maximum": BlockSpec(shortcut="max_pool"),
    "squeeze": BlockSpec(attention="se"),
    "drop path": BlockSpec(drop_path=0.5),
    "skipinit": BlockSpec(branch_init="skipinit"),
    "fixup": BlockSpec(norm="none", branch_init="fixup"),
    "group norm, silu": BlockSpec(norm="group", activation="silu"),
    "layer norm, gelu": BlockSpec(norm="layer", activation="gelu"),
    "leaky": BlockSpec(activation="leaky_relu"),
    "elu": BlockSpec(activation="elu"),
    "weight standardisation": BlockSpec(weight_standardisation=True, shortcut="B"),
    "layer scale": BlockSpec(branch_init="layer_scale"),
    "dropout in the branch": BlockSpec(branch_dropout=0.3, preactivation="full"),
    "kernel list": BlockSpec(kernels=31, preactivation="full"),
}


def chain_of(spec: BlockSpec, bn="eval", depth: int | None = None, width: int = 4) -> Chain:
    """Return a chain with weights, norms and scalars away from 0 and 1, as a trained net has them."""
    depth = depth or (11 if spec.kind == "bottleneck" else 14)
    net = build_network(ModelSpec(depth=depth, width=width, block=spec), channels=1)
    initialise(net, 0)
    draw = torch.Generator().manual_seed(1)
    for name, tensor in net.state_dict().items():
        if tensor.ndim > 1 and not tensor.any():  # Fixup's last layers
            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=draw))
        elif tensor.is_floating_point() and tensor.ndim <= 1:
            noise = torch.rand(tensor.shape, generator=draw)
            tensor.copy_(0.5 + noise if name.endswith(("weight", "running_var")) else tensor + 0.4 * (noise - 0.5))
    chain = decompose(net)
    prepare(chain, bn)
    return chain


def gradient_of_path(chain: Chain, taken: tuple[bool, ...], at: str) -> Tensor:
    """Return one path's gradient as the paper defines it: detach what the path does not pass."""
    start = chain.blocks[0] if at == "stem" else 0
    x = IMAGES
    for item in chain.items[:start]:
        x = item(x)
    x = source = x.detach().requires_grad_()
    branches = dict(zip(chain.blocks, taken, strict=True))
    for position, item in enumerate(chain.items[start:], start):
        if position not in branches:
            x = item(x)
            continue
        h = item.before(x)
        s, r = item.skip(h), item.residual(h)
        x = item.after(s.detach() + r if branches[position] else s + r.detach())
    return torch.autograd.grad(F.cross_entropy(x, LABELS), source)[0]


def every_path(chain: Chain, at: str) -> tuple[Tensor, list[list[Tensor]]]:
    """Return the gradients summed by length, and one by one in lists by length."""
    found: list[list[Tensor]] = [[] for _ in range(len(chain) + 1)]
    for taken in itertools.product((False, True), repeat=len(chain)):
        found[sum(taken)].append(gradient_of_path(chain, taken, at))
    return torch.stack([torch.stack(part).sum(0) for part in found]), found


def distance(a: Tensor, b: Tensor) -> float:
    return float(torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b))


@pytest.mark.parametrize("at", ["image", "stem"])
@pytest.mark.parametrize("bn", ["eval", "train"])
@pytest.mark.parametrize("name", ["baseline", "full, projection", "exclusive gating", "separate conv", "squeeze"])
def test_every_length_is_the_sum_over_its_paths(name, bn, at):
    chain = chain_of(BLOCKS[name], bn)
    expected, _ = every_path(chain, at)
    found = by_length(record_chain(chain, IMAGES, LABELS, at))
    assert found.shape == expected.shape
    assert distance(found, expected) < 1e-12
    for length in range(len(chain) + 1):
        assert distance(found[length], expected[length]) < 1e-10


@pytest.mark.parametrize("bn", ["eval", "train"])
@pytest.mark.parametrize("spec", BLOCKS.values(), ids=BLOCKS)
def test_the_lengths_add_up_to_the_gradient(spec, bn):
    chain = chain_of(spec, bn)
    found, _ = exact_spectrum(chain, IMAGES, LABELS)
    assert found.residual < 1e-10
    assert found.gradient > 0
    assert len(found.norms) == len(chain) + 1
    # The path of skips alone can be dead: under a scaled shortcut every ReLU on it may be closed.
    assert min(found.norms[1:]) > 0


def test_chunks_change_nothing(monkeypatch):
    chain = chain_of(BLOCKS["full, projection"], depth=20)
    whole = by_length(record_chain(chain, IMAGES, LABELS))
    for chunk in (1, 3 * IMAGES.numel() * 4):
        monkeypatch.setattr("analysis.paths.spectrum.CHUNK", chunk)
        torch.testing.assert_close(by_length(record_chain(chain, IMAGES, LABELS)), whole, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["baseline", "exclusive gating", "squeeze"])
def test_workers_change_nothing(name, monkeypatch):
    chain = chain_of(BLOCKS[name], "train", depth=20)
    monkeypatch.setattr("analysis.paths.spectrum.CHUNK", 1)
    alone = by_length(record_chain(chain, IMAGES, LABELS))
    norms = sample(record_chain(chain, IMAGES, LABELS), draws=3, seed=0)
    torch.set_num_threads(3)
    torch.testing.assert_close(by_length(record_chain(chain, IMAGES, LABELS)), alone, rtol=1e-10, atol=0)
    assert torch.get_num_threads() == 3
    for one, other in zip(sample(record_chain(chain, IMAGES, LABELS), draws=3, seed=0), norms, strict=True):
        assert one.mean == pytest.approx(other.mean, rel=1e-10)


def test_bootstrap_limits_are_those_of_the_norms_that_were_drawn():
    chain = chain_of(BLOCKS["baseline"], "eval", depth=20)
    recording = record_chain(chain, IMAGES, LABELS)
    students = sample(recording, draws=6, seed=0)
    found = sample(recording, draws=6, seed=0, limits="bootstrap")
    for one, other in zip(found, students, strict=True):
        assert (one.mean, one.deviation) == (other.mean, other.deviation)
        assert (one.bootstrap is None) == (one.deviation == 0)
        assert one.bootstrap is None or one.bootstrap[0] < one.mean < one.bootstrap[1]
    assert all(norm.bootstrap is None for norm in students)
    assert all(norm.bootstrap is None for norm in sample(recording, draws=3, seed=0, limits="bootstrap"))


def test_the_recorded_way_back_leaves_the_network_alone():
    net = build_network(ModelSpec(depth=14, width=4), channels=1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    chain = decompose(net)
    prepare(chain, "train")
    exact_spectrum(chain, IMAGES, LABELS)
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_torchvision():
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    chain = decompose(torchvision.models.resnet18(num_classes=10))
    prepare(chain, "eval")
    images = torch.randn(2, 3, 32, 32, generator=DRAW, dtype=torch.float64)
    found, recording = exact_spectrum(chain, images, LABELS[:2], "stem")
    assert found.residual < 1e-10
    assert recording.blocks == 8
    assert recording.shape == (2, 64, 8, 8)


def test_a_plain_net_is_refused():
    with pytest.raises(UserError, match="no residual blocks"):
        decompose(build_network(ModelSpec(depth=14, block=BlockSpec(shortcut="none"))))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_refused(value):
    chain = chain_of(BlockSpec())
    chain.block(1).branch.conv1.weight[0, 0, 0, 0] = value
    with pytest.raises(UserError, match="not finite"):
        exact_spectrum(chain, IMAGES, LABELS)


def test_all_paths_are_taken_where_there_are_few():
    chain = chain_of(BLOCKS["full, projection"])
    _, single = every_path(chain, "image")
    found = sample(record_chain(chain, IMAGES, LABELS), draws=20, seed=0)
    for norm, gradients in zip(found, single, strict=True):
        exact = torch.stack([torch.linalg.vector_norm(g) for g in gradients])
        assert norm.draws == len(gradients)
        assert norm.error == norm.half_width == 0
        assert norm.mean == pytest.approx(float(exact.mean()), rel=1e-10)


def test_sampled_means_lie_in_their_intervals():
    chain = chain_of(BLOCKS["baseline"])
    recording = record_chain(chain, IMAGES, LABELS)
    exact = {norm.length: norm.mean for norm in sample(recording, draws=20, seed=0)}
    hits = 0
    for seed in range(20):
        for norm in sample(recording, draws=5, seed=seed)[2:5]:
            assert norm.draws == 5
            hits += abs(norm.mean - exact[norm.length]) <= norm.half_width
    # 60 intervals of 95 %: fewer than 50 in them has a chance of 4e-4 if they were exact, and these five-draw ones
    # of skewed norms fall a little short of it.
    assert hits >= 50


@pytest.mark.parametrize("spec", BLOCKS.values(), ids=BLOCKS)
def test_each_sampled_path_has_the_papers_gradient(spec):
    chain = chain_of(spec)
    chosen = draw_paths(len(chain), 2, draws=3, seed=1)
    expected = [torch.linalg.vector_norm(gradient_of_path(chain, tuple(row), "image")) for row in chosen.tolist()]
    found = path_norms(record_chain(chain, IMAGES, LABELS), chosen)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-10, atol=0)


def test_drawn_paths_have_their_length_and_depend_on_the_seed():
    chosen = draw_paths(54, 20, draws=200, seed=3)
    assert chosen.shape == (200, 54)
    assert (chosen.sum(1) == 20).all()
    assert torch.equal(chosen, draw_paths(54, 20, draws=200, seed=3))
    assert not torch.equal(chosen, draw_paths(54, 20, draws=200, seed=4))
    assert len(draw_paths(54, 1, draws=54, seed=0).unique(dim=0)) == 54
    # Every block is drawn alike: 200 draws of 20 in 54 give 74 each, with a deviation of 6.8.
    assert chosen.sum(0).min() > 40
    assert chosen.sum(0).max() < 110


def test_the_whole_gradient_is_that_of_the_untouched_net():
    chain = chain_of(BlockSpec())
    x = IMAGES.clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.cross_entropy(chain.run(x), LABELS), x)
    torch.testing.assert_close(full_gradient(chain, IMAGES, LABELS), expected, rtol=0, atol=0)


def test_every_switch_with_values_of_its_own_is_covered():
    covered = [dataclasses.asdict(spec) for spec in BLOCKS.values()]
    for name in ("norm_position", "act_position", "preactivation", "shortcut", "kind", "norm", "activation"):
        plain = {"none"} if name == "shortcut" else set()
        assert {spec[name] for spec in covered} == set(type(covered[0][name])) - plain
