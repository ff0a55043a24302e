"""Caffe's momentum: its own recursion, equal to torch's while the rate stays and different after it drops."""

import pytest
import torch

from resnet_lab.engine.optimizers.make_optimizer import make_optimizer
from resnet_lab.errors import UserError
from resnet_lab.spec import RecipeSpec, RunSpec
from resnet_lab.spec.fields import replace

KINDS = ("sgd", "nesterov")
DROP = [0.1] * 6 + [0.01] * 6


def trained(kind, rates, *, optimizer="sgd", tensor=False):
    """Return the weights after each step on a quadratic whose curvature differs by weight."""
    curvature = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
    weights = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    recipe = RecipeSpec(optimizer=optimizer, momentum_kind=kind, weight_decay=0.01)
    rate = torch.tensor(0.0, dtype=torch.float64) if tensor else None
    made, path = make_optimizer(recipe, [weights], rate), []
    for lr in rates:
        if rate is None:
            made.param_groups[0]["lr"] = lr
        else:
            rate.fill_(lr)
        weights.grad = curvature * weights.detach()
        made.step()
        path.append(weights.detach().clone())
    return torch.stack(path)


def by_hand(rates, *, nesterov):
    """Caffe's SGDSolver and NesterovSolver, number by number."""
    w, v, path = [1.0, -2.0, 0.5], [0.0, 0.0, 0.0], []
    for lr in rates:
        for i, curvature in enumerate((0.5, 1.0, 3.0)):
            old, gradient = v[i], curvature * w[i] + 0.01 * w[i]
            v[i] = 0.9 * v[i] + lr * gradient
            w[i] -= (1 + 0.9) * v[i] - 0.9 * old if nesterov else v[i]
        path.append(list(w))
    return torch.tensor(path, dtype=torch.float64)


@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("optimizer", KINDS)
def test_each_step_is_caffes(optimizer, tensor):
    found = trained("caffe", DROP, optimizer=optimizer, tensor=tensor)
    torch.testing.assert_close(found, by_hand(DROP, nesterov=optimizer == "nesterov"), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", KINDS)
def test_it_is_torchs_until_the_rate_drops(optimizer):
    ours, torchs = trained("caffe", DROP, optimizer=optimizer), trained("torch", DROP, optimizer=optimizer)
    torch.testing.assert_close(ours[:6], torchs[:6], rtol=1e-12, atol=1e-14)
    assert not torch.allclose(ours[6], torchs[6], rtol=1e-3)
    # What was summed at the high rate is still felt: the first step after the drop is about as long as the one before.
    steps = [(path[6] - path[5]).norm() / (path[5] - path[4]).norm() for path in (ours, torchs)]
    assert steps[0] > 0.5 > 0.2 > steps[1]


@pytest.mark.parametrize("changes", [{"recipe.optimizer": "adam"}, {"recipe.momentum": 0.0}])
def test_it_is_refused_where_nothing_reads_it(changes):
    with pytest.raises(UserError, match="set momentum_kind=torch"):
        replace(RunSpec(), {"recipe.momentum_kind": "caffe", **changes})
