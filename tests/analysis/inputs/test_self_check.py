"""Networks whose forward is not that of their blocks in a row are refused with the reason; all others are taken."""

import math

import pytest
import torch
from torch import nn

from analysis.inputs.chain import decompose
from analysis.inputs.self_check import CheckedBatches, relative_difference, require_own_forward, tolerance
from analysis.lesions import run
from analysis.lesions.evaluator import EvalSettings
from analysis.lesions.examine import contrast
from analysis.lesions.plain_networks import decompose_layers
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGES = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
LOADER = [(IMAGES, torch.zeros(4, dtype=torch.int64))]


class AverageAndMaximum(nn.Module):
    """timm's `catavgmax`: both poolings, one after the other."""

    def forward(self, x):
        return torch.cat([nn.functional.adaptive_avg_pool2d(x, 1), nn.functional.adaptive_max_pool2d(x, 1)], 1)


def torchvisions(name="resnet18", **options):
    import torchvision

    torch.manual_seed(0)
    return getattr(torchvision.models, name)(num_classes=10, **options).eval()


def max_pooled():
    model = torchvisions()
    model.avgpool = nn.AdaptiveMaxPool2d(1)
    return model


def both_poolings():
    model = torchvisions()
    model.avgpool, model.fc = AverageAndMaximum(), nn.Linear(1024, 10)
    return model


def with_own_forward():
    import torchvision

    class Skips(torchvision.models.ResNet):
        def _forward_impl(self, x):
            x = self.layer1(self.relu(self.bn1(self.conv1(x))))  # without the stem's pooling
            return self.fc(self.avgpool(self.layer4(self.layer3(self.layer2(x)))).flatten(1))

    torch.manual_seed(0)
    return Skips(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=10).eval()


def two_outputs():
    import torchvision

    class Features(torchvision.models.ResNet):
        def forward(self, x):
            return super().forward(x), x

    return Features(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=10).eval()


def hooked():
    model = torchvisions()
    model.register_forward_hook(lambda _module, _inputs, y: 2 * y)
    return model


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (max_pooled, r"ResNet computes something else .* differ by \d.* \(avgpool is AdaptiveMaxPool2d"),
        (both_poolings, r"its parts, run one after the other, fail .* \(avgpool is AverageAndMaximum"),
        (with_own_forward, r"Skips computes something else .* a forward of its own \(.*Skips\)"),
        (two_outputs, r"its own forward gives a tuple, its parts give logits of \(4, 10\)"),
        (hooked, r"logits that differ by 0.5 times .* its hooks"),
    ],
)
def test_another_forward_is_refused_with_the_reason(model, reason):
    with pytest.raises(UserError, match=reason):
        run(model(), loader=LOADER, blocks=[0])


def test_a_plain_network_is_checked_too():
    model = torchvisions("vgg11_bn", init_weights=False)
    model.avgpool = nn.AdaptiveAvgPool2d(7)
    contrast(model, EvalSettings(batches=[(IMAGES, LOADER[0][1])]))
    model.forward = lambda x: model.classifier(model.avgpool(model.features(x.flip(3))).flatten(1))
    with pytest.raises(UserError, match=r"VGG computes something else .* a forward of its own"):
        contrast(model, EvalSettings(batches=LOADER))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "changes",
    [
        {"model.depth": 8},
        {"model.depth": 8, "model.block.preactivation": "full"},
        {"model.depth": 11, "model.block.kind": "bottleneck", "model.block.shortcut": "A"},
        {"model.depth": 8, "model.block.norm": "group", "model.block.activation": "silu"},
        {"model.name": "imagenet_resnet", "model.depth": 18, "model.stem": "imagenet"},
    ],
    ids=lambda changes: " ".join(map(str, changes.values())),
)
def test_networks_of_this_project_pass(changes, dtype):
    model = build_network(replace(RunSpec(), changes).model)
    initialise(model, 0)
    model = model.to(dtype)  # left in training mode
    require_own_forward(model, decompose(model).items, IMAGES)
    assert model.training


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_networks_of_torchvision_pass(name):
    model = torchvisions(name)
    require_own_forward(model, decompose(model).items, IMAGES)


def test_a_plain_network_of_this_project_passes():
    model = build_network(replace(RunSpec(), {"model.depth": 8, "model.block.shortcut": "none"}).model).eval()
    require_own_forward(model, decompose_layers(model).items, IMAGES)


def test_a_generator_is_run_through_once_and_the_model_once():
    model, calls = torchvisions(), []
    model.register_forward_pre_hook(lambda _module, inputs: calls.append(len(inputs[0])))
    batches = CheckedBatches(iter([*LOADER, *LOADER]), model, decompose(model).items)
    assert [len(x) for x, _ in batches] == [4, 4]
    assert calls == [4]


def test_a_difference_is_of_the_largest_logit():
    one = torch.tensor([[1.0, -4.0], [2.0, 0.5]])
    assert relative_difference(one, one) == 0
    assert relative_difference(one + torch.tensor([0.0, 0.2]), one) == pytest.approx(0.05)
    broken = torch.tensor([[math.nan, 1.0], [math.inf, 2.0]])
    assert relative_difference(broken, broken) == 0
    assert relative_difference(one, broken) == math.inf
    assert relative_difference(one, torch.zeros(2, 2)) == math.inf
    assert relative_difference(torch.zeros(2, 2), torch.zeros(2, 2)) == 0


def test_the_tolerance_is_half_of_the_digits():
    assert tolerance(torch.float32) == pytest.approx(3.45e-4, rel=1e-2)
    assert tolerance(torch.float64) == pytest.approx(1.49e-8, rel=1e-2)
