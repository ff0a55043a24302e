"""The registry: one contract for every network that has a name."""

import pytest
import torch

from resnet_lab.data.images import ImageData, Images
from resnet_lab.engine.initialise import initialise
from resnet_lab.engine.session import Session
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.networks.sizes import ONLY, SMALLEST
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import ModelName
from resnet_lab.spec.fields import replace
from resnet_lab.spec.presets import PRESETS

pytestmark = pytest.mark.usefixtures("one_thread")

# The smallest of each family; families that are not here have one member.
FIELDS = {
    "cifar_resnet": {"model.depth": 8, "model.width": 4},
    "wide_resnet": {"model.depth": 10},
    "imagenet_resnet": {"model.depth": 18, "model.width": 4, "model.stem": "imagenet"},
    "imagenet_densenet": {"model.depth": 169},
    "imagenet_vgg": {"model.depth": 11, "model.width": 4},
    "imagenet_vgg_bn": {"model.depth": 11, "model.width": 4},
    "densenet_bc": {"model.depth": 10, "model.width": 4},
}
HAVE_BLOCKS = ("cifar_resnet", "wide_resnet", "imagenet_resnet", "resnet50v2", "mnist_resnet")


def smallest_run(name):
    changes = {"recipe.augmentation": "none", "recipe.batch_size": 4, "recipe.lr": 1e-3, "recipe.weight_decay": 0.0}
    return replace(RunSpec(), {"model.name": name, "recipe.precision": "fp32"} | changes | FIELDS.get(name, {}))


def smallest_size(name):
    return ONLY.get(name, SMALLEST.get(name, 1))


def noise(size, channels):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (4, size, size, channels), dtype=torch.uint8, generator=generator)
    images, half = Images(pixels, torch.arange(4)), torch.full((channels,), 0.5)
    return ImageData(name="digits", train=images, val=images, test=images, mean=half, std=half, sha256="", classes=10)


@pytest.mark.parametrize(
    ("name", "channels"),
    [(name, 3) for name in ModelName] + [pytest.param(name, 1, marks=pytest.mark.slow) for name in ModelName],
)
def test_every_network_trains_a_step_on_the_smallest_images_it_takes(name, channels):
    session = Session(smallest_run(name), noise(smallest_size(name), channels), torch.device("cpu"))
    before = {key: tensor.clone() for key, tensor in session.model.named_parameters()}
    session.run_steps(1)
    after = dict(session.model.named_parameters())
    assert all(tensor.isfinite().all() for tensor in after.values())
    assert not torch.equal(before[last := list(before)[-1]], after[last])


@pytest.mark.parametrize("name", list(ModelName))
def test_every_weight_of_every_network_learns_on_usual_images(name):
    torch.manual_seed(0)
    size = ONLY.get(name, 32)
    net = build_network(smallest_run(name).model, channels=1, classes=10, size=size)
    initialise(net, 0)
    net(torch.randn(4, 1, size, size)).square().sum().backward()
    weights = {key: tensor for key, tensor in net.named_parameters() if tensor.dim() > 1}
    still = [key for key, tensor in weights.items() if tensor.grad is None or not tensor.grad.any()]
    assert still == []


@pytest.mark.parametrize("name", list(ModelName))
def test_images_a_network_cannot_read_are_refused_in_one_line(name):
    smallest = smallest_size(name)
    model = smallest_run(name).model
    with torch.device("meta"):
        net = build_network(model, channels=1, size=smallest).eval()
        assert net(torch.empty(1, 1, smallest, smallest)).shape == (1, 10)
    if smallest == 1:
        return
    with pytest.raises(UserError, match=rf"{name} .*{smallest}x{smallest} pixels, not .*: set data.name to"):
        build_network(model, channels=1, size=smallest - 1)
    if name in SMALLEST:
        with torch.device("meta"), pytest.raises(RuntimeError):  # the table is tight
            net(torch.empty(1, 1, smallest - 1, smallest - 1))


@pytest.mark.parametrize("name", HAVE_BLOCKS)
@torch.no_grad()
def test_residual_blocks_are_a_skip_and_a_residual_in_every_network_that_has_them(name):
    net = build_network(smallest_run(name).model, channels=1).eval()
    initialise(net, 0)
    seen = {}
    for block in residual_blocks(net):
        block.register_forward_hook(lambda block, args, output: seen.update({block: (args[0].clone(), output.clone())}))
    size = ONLY.get(name, 16)
    net(torch.randn(2, 1, size, size))
    assert list(seen) == residual_blocks(net) != []
    for block, (x, output) in seen.items():
        h = block.before(x.clone())
        torch.testing.assert_close(block.after(block.skip(h) + block.residual(h)), output)


@pytest.mark.parametrize("name", sorted(set(ModelName) - set(HAVE_BLOCKS)))
def test_other_networks_have_no_residual_blocks(name):
    with torch.device("meta"):
        assert residual_blocks(build_network(smallest_run(name).model)) == []


def test_an_unknown_network_is_refused_with_the_likeliest_name_or_every_one_there_is():
    with pytest.raises(UserError, match=r"there is no network 'resnet51'\. Perhaps you meant resnet"):
        replace(RunSpec(), {"model.name": "resnet51"})
    with pytest.raises(UserError, match="there is no network 'mine'") as caught:
        replace(RunSpec(), {"model.name": "mine"})
    assert all(name in str(caught.value) for name in (*ModelName, *PRESETS))


@pytest.mark.parametrize(("kind", "least"), [("basic", 16), ("bottleneck", 4)])
def test_a_wide_resnet_narrower_than_its_stem_is_refused(kind, least):
    fields = {"model.name": "wide_resnet", "model.depth": 10 if kind == "basic" else 13, "model.block.kind": kind}
    build_network(replace(RunSpec(), fields | {"model.width": least}).model)
    with pytest.raises(UserError, match=f"set at least {least}"):
        replace(RunSpec(), fields | {"model.width": least - 1})
