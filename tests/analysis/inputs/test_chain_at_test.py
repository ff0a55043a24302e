"""A network whose branches are scaled at test is taken apart, and differentiated, with their scale."""

import torch

from analysis.inputs.chain import decompose
from analysis.paths.vjp_rules import record_residual
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.networks.at_test import scale_for_test
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


def test_its_chain_computes_what_it_does_and_its_gradients_are_autograds():
    spec = replace(RunSpec(), {"model.depth": 14, "model.width": 4, "recipe.effective_blocks": 2})
    model = build_network(spec.model)
    initialise(model, 0)
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    unscaled = model.eval()(x)
    scale_for_test(model, spec.recipe)
    chain = decompose(model)
    assert torch.equal(chain.run(x), model(x))
    assert not torch.allclose(model(x), unscaled)
    h = torch.randn(2, 4, 8, 8, requires_grad=True)
    y, vjp = record_residual(chain.block(0), h)
    reference = chain.block(0).residual(h)
    torch.testing.assert_close(y, reference)
    (expected,) = torch.autograd.grad(reference.sum(), h)
    torch.testing.assert_close(vjp(torch.ones_like(y)[None])[0], expected)
