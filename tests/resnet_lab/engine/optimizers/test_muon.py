"""Muon on convolutions: the definition, any memory format, a state that round-trips, and AdamW for the rest."""

import pytest
import torch
from torch import nn

from resnet_lab.engine.optimizers.make_optimizer import make_optimizer
from resnet_lab.engine.optimizers.muon import Muon
from resnet_lab.errors import UserError
from resnet_lab.spec import RecipeSpec

RECIPE = RecipeSpec(optimizer="muon", lr=0.02, momentum=0.9, weight_decay=0.01)


def network(memory_format: torch.memory_format = torch.channels_last) -> nn.Sequential:
    draw = torch.Generator().manual_seed(0)
    layers = [nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.Conv2d(6, 5, 3), nn.Conv2d(5, 4, 1), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(64, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=draw)
    return model.to(memory_format=memory_format)


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, count: int, rate: float = 0.02) -> None:
    x = torch.randn(7, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    for _ in range(count):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_a_first_step_turns_the_gradient_into_a_nearly_orthogonal_matrix_of_adamws_size():
    conv = nn.Conv2d(8, 6, 3, bias=False).to(memory_format=torch.channels_last)
    before = conv.weight.detach().clone()
    conv.weight.grad = torch.randn(conv.weight.shape, generator=torch.Generator().manual_seed(0))
    make_optimizer(RECIPE, conv.parameters()).step()
    step = (before * (1 - 0.02 * 0.01) - conv.weight.detach()).flatten(1) / (0.02 * 0.2 * 72**0.5)
    singular = torch.linalg.svdvals(step)
    assert singular.min() > 0.6  # Newton-Schulz of five steps is held to be within 0.5 to 1.5
    assert singular.max() < 1.3
    assert torch.trace(step @ conv.weight.grad.flatten(1).T) > 0  # downhill


def test_a_convolution_moves_as_the_matrix_that_it_is_moves_in_torchs_muon():
    ours, theirs = network(torch.contiguous_format), network(torch.contiguous_format)
    convs = [parameter for parameter in theirs.parameters() if parameter.ndim == 4]
    rest = [parameter for parameter in theirs.parameters() if parameter.ndim != 4]
    matrices = [nn.Parameter(conv.detach().flatten(1)) for conv in convs]
    muon = torch.optim.Muon(matrices, 0.02, 0.01, 0.9, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(rest, 0.02, betas=(0.9, 0.999), weight_decay=0.01)
    optimizer = make_optimizer(RECIPE, ours.parameters())
    for _ in range(3):
        steps(ours, optimizer, 1)
        theirs.zero_grad()
        x = torch.randn(7, 1, 8, 8, generator=torch.Generator().manual_seed(1))
        theirs(x).square().mean().backward()
        for matrix, conv in zip(matrices, convs, strict=True):
            matrix.grad = conv.grad.flatten(1)
        muon.step()
        adamw.step()
        for matrix, conv in zip(matrices, convs, strict=True):
            conv.data = matrix.detach().view(conv.shape).clone()
    for one, two in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_the_memory_format_does_not_matter_and_the_weights_stay_where_they_are():
    moved = []
    for memory_format in (torch.channels_last, torch.contiguous_format):
        model = network(memory_format)
        places = [parameter.data_ptr() for parameter in model.parameters()]
        steps(model, make_optimizer(RECIPE, model.parameters()), 1)
        assert [parameter.data_ptr() for parameter in model.parameters()] == places
        moved.append(weights(model))
    for one, two, start in zip(*moved, weights(network()), strict=True):
        assert not torch.equal(one, start)
        torch.testing.assert_close(one, two, rtol=0.02, atol=1e-3)  # its products are in bfloat16


def test_weights_with_new_storage_are_still_those_that_move():
    model = network()
    optimizer = make_optimizer(RECIPE, model.parameters())
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    start = weights(model)
    steps(model, optimizer, 1)
    assert not any(torch.equal(one, two) for one, two in zip(start, weights(model), strict=True))


def test_the_rate_reaches_both_parts():
    model = network()
    start = weights(model)
    steps(model, make_optimizer(RECIPE, model.parameters()), 2, rate=0.0)
    assert all(torch.equal(one, two) for one, two in zip(start, weights(model), strict=True))


def test_the_state_goes_on_bit_equal():
    whole, first, second = network(), network(), network()
    optimizer = make_optimizer(RECIPE, whole.parameters())
    steps(whole, optimizer, 4)
    begun = make_optimizer(RECIPE, first.parameters())
    steps(first, begun, 2)
    resumed = make_optimizer(RECIPE, second.parameters())
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(begun.state_dict())
    steps(second, resumed, 2)
    assert all(torch.equal(one, two) for one, two in zip(weights(whole), weights(second), strict=True))


def test_a_branch_that_was_skipped_stays():
    model = network()
    optimizer = make_optimizer(RECIPE, model.parameters())
    steps(model, optimizer, 1)
    start = weights(model)
    optimizer.zero_grad()
    optimizer.step()
    assert all(torch.equal(one, two) for one, two in zip(start, weights(model), strict=True))


@pytest.mark.parametrize("layer", [nn.Linear(3, 2), nn.Conv2d(2, 2, 3, bias=False)])
def test_a_network_of_one_kind_of_layer_is_no_special_case(layer):
    optimizer = make_optimizer(RECIPE, layer.parameters())
    before = weights(layer)
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert not any(torch.equal(one, two) for one, two in zip(before, weights(layer), strict=True))
    optimizer.load_state_dict(optimizer.state_dict())


def test_an_old_torch_is_reported(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(UserError, match=r"has no Muon: install torch 2\.9 or later"):
        Muon(list(nn.Linear(2, 2).parameters()), lr=0.1, momentum=0.9, weight_decay=0)
