"""Each lesion on blocks whose answer is known."""

import pytest
import torch
from torch import nn

from analysis.inputs.chain import decompose
from analysis.lesions.choices import Lesion
from analysis.lesions.modes import LesionInputs, branch_modules, lesioned_blocks
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

RUN = replace(RunSpec(), {"model.depth": 14, "model.width": 4})


@pytest.fixture
def model():
    model = build_network(RUN.model)
    initialise(model, 3)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.copy_(torch.rand(module.bias.shape, generator=generator))
                module.running_mean.copy_(torch.rand(module.bias.shape, generator=generator))
    return model.eval()


@pytest.fixture
def chain(model):
    return decompose(model)


@pytest.fixture
def x():
    return torch.rand(5, 4, 8, 8, generator=torch.Generator().manual_seed(2))


def stand_ins(chain, text, model, **inputs):
    return lesioned_blocks(chain, Lesion.parse(text), LesionInputs(model=model, **inputs))


@torch.no_grad()
def test_delete_leaves_the_shortcut(chain, model, x):
    deleted = stand_ins(chain, "delete", model)
    assert torch.equal(deleted[0](x), x)  # x is positive, so the ReLU after the addition changes nothing
    widened = deleted[2](x)
    assert torch.equal(widened[:, 2:6], x[:, :, ::2, ::2])
    assert not widened[:, :2].any()


@torch.no_grad()
def test_a_branch_at_zero_is_deleted_without_a_trace(chain, model, x):
    for module in branch_modules(chain.block(0)):
        if isinstance(module, nn.BatchNorm2d):
            module.weight.zero_()
            module.bias.zero_()
    assert torch.equal(stand_ins(chain, "delete", model)[0](x), chain.block(0)(x))


@torch.no_grad()
def test_zero_keeps_the_constant_of_the_last_norm(chain, model, x):
    norm = branch_modules(chain.block(0))[-1]
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    constant = norm.bias - norm.running_mean * scale
    expected = (x + constant[:, None, None]).relu()
    assert torch.allclose(stand_ins(chain, "zero", model)[0](x), expected, atol=1e-6)


@torch.no_grad()
def test_mean_puts_in_the_mean_branch_output_by_channel_and_position(chain, model):
    images = torch.rand(7, 3, 8, 8, generator=torch.Generator().manual_seed(4))
    reference = [(images[:4], torch.zeros(4)), (images[4:], torch.zeros(3))]
    replaced = stand_ins(chain, "mean", model, reference=reference)
    h = chain.items[0](images)
    expected = (h + chain.block(0).residual(h).mean(0)).relu()
    assert torch.allclose(replaced[0](h), expected, atol=1e-6)


def test_mean_without_images_and_reinit_without_a_seed_say_what_to_do(chain, model):
    with pytest.raises(UserError, match="needs reference images"):
        stand_ins(chain, "mean", model)
    with pytest.raises(UserError, match="got no reference images"):
        stand_ins(chain, "mean", model, reference=[])
    with pytest.raises(UserError, match="choose randomise"):
        stand_ins(chain, "reinit", model)


def test_reinit_is_the_start_of_the_seed_and_randomise_is_another(model):
    start = build_network(RUN.model).eval()
    initialise(start, 3)
    trained = decompose(model)
    with torch.no_grad():
        for parameter in (p for item in trained.items for p in item.parameters()):
            parameter.add_(1)
    expected = branch_modules(decompose(start).block(4))
    again = branch_modules(stand_ins(trained, "reinit", model, own_seed=3)[4])
    other = branch_modules(stand_ins(trained, "randomise", model, own_seed=3)[4])
    for module, same, different in zip(expected, again, other, strict=True):
        state = module.state_dict()
        assert all(torch.equal(state[name], value) for name, value in same.state_dict().items())
        if isinstance(module, nn.Conv2d):
            assert not torch.equal(module.weight, different.weight)
    once, twice = (stand_ins(trained, "randomise", model, own_seed=3, seed=5)[4] for _ in range(2))
    assert torch.equal(branch_modules(once)[0].weight, branch_modules(twice)[0].weight)
    assert not torch.equal(branch_modules(once)[0].weight, other[0].weight)


@torch.no_grad()
def test_scale_and_duplicate(chain, model, x):
    block = chain.block(0)
    half = stand_ins(chain, "scale:0.5", model)[0](x)
    assert torch.equal(half, (block.skip(x) + 0.5 * block.residual(x)).relu())
    assert torch.equal(stand_ins(chain, "scale:1", model)[0](x), block(x))
    assert torch.equal(stand_ins(chain, "scale:0", model)[0](x), stand_ins(chain, "delete", model)[0](x))
    twice = stand_ins(chain, "duplicate", model)
    assert torch.equal(twice[0](x), block(block(x)))
    assert [each is None for each in twice] == [False, False, True, False, True, False]


def test_lesions_leave_the_network_alone(chain, model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for text in ("delete", "zero", "randomise", "scale:2", "duplicate"):
        stand_ins(chain, text, model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "text", ["delete", "zero", "mean", "reinit", "randomise", "duplicate", "scale:0.5", "scale:-2"]
)
def test_a_lesion_is_written_as_it_is_read(text):
    assert str(Lesion.parse(text)) == text


@pytest.mark.parametrize("text", ["", "deleet", "scale", "scale:", "scale:x", "scale:nan", "scale:inf", "delete:1"])
def test_an_unknown_lesion_is_refused_with_the_known_ones(text):
    with pytest.raises(UserError, match="choose from delete, zero"):
        Lesion.parse(text)
