"""Gradient norms by layer, of a trained network and of networks at initialisation.

Identity mappings are argued for by the gradient: along a shortcut it reaches every block undiminished (He et al. 2016,
arXiv 1603.05027, section 2), while in a plain net it passes every weight on its way. So the network is compared, before
its first step, with the same one without shortcuts and with the other block.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablations.attention import SqueezeExcitation
from analysis.inputs.chain import out_of_place_copy
from analysis.inputs.targets import Target
from analysis.landscape.directions import weighted
from analysis.landscape.surface import use_statistics
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.rng import GLOBAL_RNG_LOCK
from resnet_lab.spec import ModelSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.families import WITH_BLOCKS
from resnet_lab.spec.fields import replace

MINI_BATCH = 128
"""Images of the gradient, at most: a mini-batch of He et al. 2015."""
TRAINED, INITIALISED = "trained", "initialised"
_BLOCKS: Mapping[str, Mapping[str, Value]] = {
    "without shortcuts": {"model.block.shortcut": "none"},
    "original block": {"model.block.preactivation": "none"},
    "pre-activation": {"model.block.preactivation": "full"},
}
"""Networks that a residual one is compared with at initialisation: the same one but for these fields."""
_WITH_SHORTCUTS: Mapping[str, Value] = {"model.block.shortcut": "A"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGradient:
    """One convolution or linear layer, in the order of the forward pass.

    Frobenius norms: of the weights, of the loss's gradient there, and of that at the layer's output over the whole
    batch. `place` is body, shortcut or attention; layers of the body are numbered by `depth`, from 1.
    """

    name: str
    place: str
    depth: int | None
    parameters: int
    weight_norm: float
    gradient_norm: float
    output_gradient_norm: float


def layer_gradients(model: nn.Module, x: Tensor, y: Tensor) -> list[LayerGradient]:
    """Return the gradients of the mean cross-entropy of x [N, C, H, W], y int64 [N], batch norms with their statistics.

    So the optimizer would see them in training: at initialisation no running statistics exist. Nothing is dropped. The
    model is left alone. In float32 the norms differ by up to half a per cent with the number of threads (measured).
    """
    copied = out_of_place_copy(model).requires_grad_(True)
    use_statistics(copied, "train")
    outputs: dict[str, list[Tensor]] = {}
    for name, module in weighted(copied):
        module.register_forward_hook(_keeper(outputs, name))
    torch.autograd.backward(F.cross_entropy(copied(x).float(), y))
    return _rows(copied, outputs)


def _keeper(outputs: dict[str, list[Tensor]], name: str) -> Callable[[nn.Module, object, Tensor], None]:
    def keep(_module: nn.Module, _given: object, output: Tensor) -> None:
        output.retain_grad()
        outputs.setdefault(name, []).append(output)

    return keep


def _rows(model: nn.Module, outputs: Mapping[str, list[Tensor]]) -> list[LayerGradient]:
    modules, depth, rows = dict(weighted(model)), 0, []
    attention = [name for name, module in model.named_modules() if isinstance(module, SqueezeExcitation)]
    for name, given in outputs.items():
        place = _place(name, attention)
        depth += place == "body"
        weight = modules[name].weight
        rows.append(
            LayerGradient(
                name=name,
                place=place,
                depth=depth if place == "body" else None,
                parameters=weight.numel(),
                weight_norm=_norm(weight),
                gradient_norm=_norm(weight.grad),
                output_gradient_norm=math.hypot(*(_norm(output.grad) for output in given)),
            )
        )
    return rows


def _place(name: str, attention: list[str]) -> str:
    if any(name.startswith(f"{part}.") for part in attention):
        return "attention"
    return "shortcut" if "shortcut" in name or "downsample" in name else "body"


def _norm(tensor: Tensor | None) -> float:
    return 0.0 if tensor is None else float(tensor.detach().double().norm())


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradients:
    """Gradients of one network by layer, under what it is called; `left_out` says which networks could not be built."""

    by_network: Mapping[str, list[LayerGradient]]
    left_out: Mapping[str, str] = field(default_factory=dict)


def gradients_of(target: Target, x: Tensor, y: Tensor, seed: int) -> Gradients:
    """Return the gradients of a network as trained, as initialised, and of those it is compared with."""
    x, y = x[:MINI_BATCH], y[:MINI_BATCH]
    found = {TRAINED: layer_gradients(target.model, x, y)}
    left_out = {}
    for called, changes in {INITIALISED: {}, **_compared(target.spec.model)}.items():
        name = called if called == INITIALISED else f"{INITIALISED}, {called}"
        try:
            spec = replace(target.spec, changes).model
            if changes and spec == target.spec.model:
                continue
        except UserError as error:
            left_out[name] = str(error)
            continue
        found[name] = layer_gradients(initial_network(spec, target, seed), x, y)
    return Gradients(by_network=found, left_out=left_out)


def _compared(spec: ModelSpec) -> dict[str, Mapping[str, Value]]:
    if spec.name not in WITH_BLOCKS:
        return {}
    if spec.block.shortcut == "none":
        return {"with shortcuts": _WITH_SHORTCUTS}
    return dict(_BLOCKS)


def initial_network(spec: ModelSpec, target: Target, seed: int) -> nn.Module:
    """Return a network as a run of the target's recipe starts it, from its own seed or, unknown, from `seed`."""
    data = target.data
    with GLOBAL_RNG_LOCK, torch.random.fork_rng(devices=[]):  # torch draws weights while it builds
        model = build_network(spec, channels=data.channels, classes=data.classes, size=data.size)
    initialise(model, seed if target.own_seed is None else target.own_seed, target.spec.recipe.init)
    return model.to(target.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # not in its stub
