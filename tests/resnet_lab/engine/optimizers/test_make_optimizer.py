"""Optimisers do what torch's own do."""

import pytest
import torch
from torch import nn

from resnet_lab.engine.optimizers.make_optimizer import make_optimizer
from resnet_lab.spec import Optimizer, RecipeSpec

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


def test_every_optimizer_has_its_reference():
    assert set(Optimizer) == {*REFERENCES, "muon"}, "muon's is in test_muon.py"


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
