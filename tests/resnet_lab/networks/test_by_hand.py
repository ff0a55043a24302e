"""Each placement of norm and activation against the network of He et al. 2016, written by hand from the paper."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn


class ByHand:
    """The nets of He et al. 2016, written from the paper: `net` is read for its weights alone."""

    def __init__(self, net: nn.Module) -> None:
        self.weights = dict(net.named_parameters())
        self.norms = iter([(self.weights[name], self.weights[name[:-6] + "bias"]) for name in self.norms_in_order(net)])

    @staticmethod
    def norms_in_order(net: nn.Module) -> list[str]:
        named = [(name, part) for name, part in net.named_modules() if isinstance(part, nn.BatchNorm2d)]
        return [f"{name}.weight" for name, _ in named if "shortcut" not in name]

    def conv(self, name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        weight = self.weights[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def bn(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise by the batch with the scale and shift of the network's next norm."""
        return F.batch_norm(x, None, None, *next(self.norms), training=True)

    def projects(self, name: str) -> bool:
        return f"{name}.shortcut.conv1.weight" in self.weights

    def shortcut(self, name: str, x: torch.Tensor, outputs: int, stride: int) -> torch.Tensor:
        """Option B where there is a projection, else option A."""
        if not self.projects(name):
            pad = (outputs - x.shape[1]) // 2
            return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, pad, pad))
        y = self.conv(f"{name}.shortcut.conv1", x, stride)
        if f"{name}.shortcut.norm1.weight" not in self.weights:
            return y
        norm = [self.weights[f"{name}.shortcut.norm1.{part}"] for part in ("weight", "bias")]
        return F.batch_norm(y, None, None, *norm, training=True)

    def logits(self, x: torch.Tensor, block, head) -> torch.Tensor:
        x = F.relu(self.bn(self.conv("stem.conv1", x)))
        for stage in range(3):
            for index in range(2):
                stride = 2 if stage and not index else 1
                x = block(self, f"stages.{stage}.{index}", x, stride, first=stage == index == 0)
        return F.linear(head(self, x).mean((2, 3)), self.weights["fc.weight"], self.weights["fc.bias"])


def after_add(net: ByHand, name: str, x: torch.Tensor, stride: int, *, last=F.relu, **_) -> torch.Tensor:
    """Fig. 4b: weight, BN, ReLU, weight; addition; BN, ReLU."""
    y = net.conv(f"{name}.branch.conv1", x, stride)
    y = net.conv(f"{name}.branch.conv2", F.relu(net.bn(y)))
    return last(net.bn(y + net.shortcut(name, x, y.shape[1], stride)))


def relu_before(net: ByHand, name: str, x: torch.Tensor, stride: int, *, last=F.relu, **_) -> torch.Tensor:
    """Fig. 4c: weight, BN, ReLU, weight, BN, ReLU; addition."""
    y = net.conv(f"{name}.branch.conv1", x, stride)
    y = last(net.bn(net.conv(f"{name}.branch.conv2", F.relu(net.bn(y)))))
    return y + net.shortcut(name, x, y.shape[1], stride)


def relu_only(net: ByHand, name: str, x: torch.Tensor, stride: int, *, first: bool) -> torch.Tensor:
    """Fig. 4d: ReLU, weight, BN, ReLU, weight, BN; addition. The first unit finds its input activated."""
    h = x if first else F.relu(x)
    y = net.conv(f"{name}.branch.conv1", h, stride)
    y = net.bn(net.conv(f"{name}.branch.conv2", F.relu(net.bn(y))))
    return y + net.shortcut(name, h if net.projects(name) else x, y.shape[1], stride)


def full_preactivation(net: ByHand, name: str, x: torch.Tensor, stride: int, *, first: bool) -> torch.Tensor:
    """Fig. 4e: BN, ReLU, weight, BN, ReLU, weight; addition. A projection reads the activated input."""
    h = x if first else F.relu(net.bn(x))
    y = net.conv(f"{name}.branch.conv1", h, stride)
    y = net.conv(f"{name}.branch.conv2", F.relu(net.bn(y)))
    return y + net.shortcut(name, h if net.projects(name) else x, y.shape[1], stride)


def as_it_is(x: torch.Tensor) -> torch.Tensor:
    return x


def no_head(_: ByHand, x: torch.Tensor) -> torch.Tensor:
    return x


BY_HAND = {
    "fig. 4b": ({"norm_position": "after_add"}, after_add, no_head),
    "fig. 4b without ReLU": (
        {"norm_position": "after_add", "act_position": "none"},
        partial(after_add, last=as_it_is),
        no_head,
    ),
    "fig. 4c": ({"act_position": "before_add"}, relu_before, no_head),
    "fig. 4c without ReLU": ({"act_position": "none"}, partial(relu_before, last=as_it_is), no_head),
    "fig. 4d": ({"preactivation": "relu_only"}, relu_only, lambda _, x: F.relu(x)),
    "fig. 4e": ({"preactivation": "full"}, full_preactivation, lambda net, x: F.relu(net.bn(x))),
}


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize(("switches", "block", "head"), BY_HAND.values(), ids=BY_HAND)
def test_each_placement_is_the_papers_network(switches, block, head, shortcut, float64_network, float64_images):
    net, x = float64_network(14, 4, shortcut=shortcut, **switches), float64_images
    reference = ByHand(net)
    torch.testing.assert_close(net.train()(x), reference.logits(x, block, head), rtol=1e-10, atol=1e-10)
    assert next(reference.norms, None) is None, "the reference has left a norm of ours unused"
