"""Optimisers do what torch's own do; the learning rate is a pure function of the iteration."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from resnet_lab.fields import replace
from resnet_lab.optimizers import lr_at, make_optimizer, warmup_of
from resnet_lab.spec import RecipeSpec, RunSpec, Warmup

# As each is written in torch's documentation, spelt out: the numbers of the papers, nothing fused.
REFERENCES = {
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {"betas": (0.9, 0.999), "eps": 1e-8}),
    "adamw": (torch.optim.AdamW, {"betas": (0.9, 0.999), "eps": 1e-8}),
    "rmsprop": (torch.optim.RMSprop, {"alpha": 0.99, "eps": 1e-8, "momentum": 0.9}),
    "adagrad": (torch.optim.Adagrad, {"eps": 1e-10}),
    "adadelta": (torch.optim.Adadelta, {"rho": 0.9, "eps": 1e-6}),
}


def regression() -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    model = nn.Linear(3, 2).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=draw)
    x = torch.randn(20, 3, generator=draw, dtype=torch.float64)
    return model, x, torch.randn(20, 2, generator=draw, dtype=torch.float64)


def trained(make, rates) -> tuple[torch.Tensor, list[float]]:
    """Return the weights and losses after a step at each rate, set the way the engine sets it."""
    model, x, y = regression()
    optimizer, losses = make(model.parameters()), []
    for lr in rates:
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = (model(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()]), losses


@pytest.mark.parametrize("name", REFERENCES)
def test_each_optimizer_is_torchs_own(name):
    recipe = RecipeSpec(optimizer=name, lr=0.03, weight_decay=0.01)
    cls, options = REFERENCES[name]
    rates = [0.03] * 5 + [0.003] * 5

    ours, losses = trained(lambda parameters: make_optimizer(recipe, parameters), rates)
    theirs, _ = trained(lambda parameters: cls(parameters, lr=0.03, weight_decay=0.01, foreach=False, **options), rates)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    assert losses[-1] < losses[0]


def test_momentum_is_read_where_there_is_one():
    rates = [0.03] * 5
    for name in ("sgd", "nesterov", "adam", "adamw", "rmsprop"):
        weights = [
            trained(lambda p, m=m, name=name: make_optimizer(RecipeSpec(optimizer=name, momentum=m), p), rates)[0]
            for m in (0.5, 0.9)
        ]
        assert not torch.allclose(*weights, rtol=1e-3), name


def test_weight_decay_is_an_l2_penalty_but_decoupled_in_adamw():
    """Where the gradient is zero, a penalty is all there is: AdamW shrinks by lr * decay, Adam steps by the rate."""
    for name, expected in {"sgd": 1 - 0.1 * 0.01, "adamw": 1 - 0.1 * 0.01, "adam": 1 - 0.1}.items():
        parameter = nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = make_optimizer(RecipeSpec(optimizer=name, lr=0.1, weight_decay=0.01), [parameter])
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        assert parameter.item() == pytest.approx(expected, abs=1e-6), name


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ValueError, match="set momentum above 0, or optimizer=sgd"):
        RecipeSpec(optimizer="nesterov", momentum=0)


@pytest.mark.parametrize(
    ("iteration", "lr"),
    [(0, 0.1), (399, 0.1), (31_999, 0.1), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_the_default_schedule_is_that_of_he_et_al_2015(iteration, lr):
    assert lr_at(RunSpec(), iteration) == pytest.approx(lr, rel=1e-12)


@pytest.mark.parametrize(("depth", "at_start"), [(20, 0.1), (56, 0.1), (104, 0.1), (110, 0.01), (1202, 0.01)])
def test_deep_nets_warm_up_at_a_hundredth_for_400_iterations(depth, at_start):
    spec = replace(RunSpec(), {"model.depth": depth})
    assert [lr_at(spec, i) for i in (0, 399, 400)] == pytest.approx([at_start, at_start, 0.1])


@pytest.mark.parametrize(
    ("warmup", "depth", "expected"),
    [("none", 110, [0.1] * 5), ("constant", 20, [0.02] * 4 + [0.1]), ("linear", 20, [0.02, 0.04, 0.06, 0.08, 0.1])],
)
def test_each_warm_up(warmup, depth, expected):
    changes = {"recipe.warmup": warmup, "recipe.warmup_iterations": 4, "recipe.warmup_lr": 0.02}
    spec = replace(RunSpec(), {"model.depth": depth, **changes})
    assert warmup_of(spec) == Warmup(warmup)
    assert [lr_at(spec, i) for i in range(5)] == pytest.approx(expected)


@given(st.integers(0, 63_999))
def test_cosine_falls_from_the_peak_to_zero_along_a_cosine(iteration):
    spec = replace(RunSpec(), {"recipe.schedule": "cosine"})
    assert lr_at(spec, iteration) == pytest.approx(0.05 * (1 + math.cos(math.pi * iteration / 64_000)))
    assert 0 < lr_at(spec, iteration) <= 0.1
    assert lr_at(spec, 0) == 0.1
    assert lr_at(spec, 32_000) == pytest.approx(0.05)
    assert lr_at(spec, 63_999) < 1e-9


@given(st.integers(0, 63_999))
def test_constant_stays(iteration):
    assert lr_at(replace(RunSpec(), {"recipe.schedule": "constant"}), iteration) == 0.1


@given(
    st.integers(1, 200_000),
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_milestones_fall_on_the_iteration_that_is_their_share_exactly(iterations, first, second):
    changes = {"recipe.iterations": iterations, "recipe.milestone_1": first / 100, "recipe.milestone_2": second / 100}
    spec = replace(RunSpec(), changes)
    for percent in (first, second):
        iteration = -(-iterations * percent // 100)  # the first iteration at or past the share
        passed = sum(100 * iteration >= share * iterations for share in (first, second))
        assert lr_at(spec, iteration) == pytest.approx(0.1 * 0.1**passed)
