"""Trace of a forward pass on the meta device: output shape, parameters and FLOPs of each layer."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from ablations.block import ResidualBlock
from ablations.parts import Standardised
from resnet_lab.inspect.flops import FlopCounter
from resnet_lab.inspect.signature import Signature, signature
from resnet_lab.networks import build_network
from resnet_lab.networks.build import count_parameters
from resnet_lab.spec import ModelSpec

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer; `output` is the shape for one image, without the batch."""

    name: str
    kind: str
    output: Shape
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A residual block, another module with parts, or a layer of its own. Units of equal `key` are interchangeable."""

    name: str
    kind: str
    layers: tuple[Layer, ...]
    output: Shape
    parameters: int
    flops: int
    key: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    network: nn.Module
    units: tuple[Unit, ...]
    parameters: int
    flops: int
    """2 x multiply-adds of one image through convolutions and linear layers, as torch's counter has them."""


def trace(spec: ModelSpec, *, channels: int, classes: int, size: int) -> Trace:
    """Build the network on the meta device and send one image of [channels, size, size] through it.

    Blocks that equal an earlier one, on an input of equal shape, are not run again.
    Raises UserError where the network cannot read images of that size, ValueError where it cannot be built.
    """
    with torch.device("meta"):
        network = build_network(spec, channels=channels, classes=classes, size=size).eval()
        image = torch.empty(1, channels, size, size)
    tracer = _Tracer()
    tracer.attach(network)
    with tracer.counter, torch.no_grad():
        network(image)
    return Trace(
        network=network,
        units=tuple(tracer.units),
        parameters=count_parameters(network),
        flops=tracer.counter.total + tracer.skipped,
    )


@dataclass(slots=True)
class _Tracer:
    counter: FlopCounter = field(default_factory=FlopCounter)
    units: list[Unit] = field(default_factory=list)
    skipped: int = 0
    """FLOPs of the blocks that were not run again."""
    _layers: list[Layer] = field(default_factory=list)
    _known: dict[tuple[Signature, Shape], Unit] = field(default_factory=dict)

    def attach(self, network: nn.Module) -> None:
        """Wrap the forward method of every unit, and hook every layer."""
        units = _units(network, "")
        for name, unit in units:
            for inner, layer in unit.named_modules() if list(unit.children()) else ():
                if not list(layer.children()) and not isinstance(layer, nn.Identity | nn.Sequential):
                    layer.register_forward_hook(self._layer_hook(inner))
            unit.forward = self._unit(name, unit, unit.forward)

    def _layer_hook(self, name: str) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def hook(module: nn.Module, _: object, output: torch.Tensor) -> None:
            if all(layer.name != name for layer in self._layers):  # a gate may be read twice
                self._layers.append(_layer(name, module, output))

        return hook

    def _unit(
        self, name: str, module: nn.Module, forward: Callable[..., torch.Tensor]
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        def run(x: torch.Tensor) -> torch.Tensor:
            key = (signature(module), tuple(x.shape)) if isinstance(module, ResidualBlock) else None
            known = self._known.get(key) if key else None
            if known is None:
                return self._first(name, module, forward, x, key)
            self.skipped += known.flops
            self.units.append(replace(known, name=name))
            return x.new_empty((1, *known.output))

        return run

    def _first(
        self,
        name: str,
        module: nn.Module,
        forward: Callable[..., torch.Tensor],
        x: torch.Tensor,
        key: tuple[Signature, Shape] | None,
    ) -> torch.Tensor:
        before, self._layers = self.counter.total, []
        output = forward(x)
        whole = _layer(name, module, output)
        unit = Unit(
            name=name,
            kind=whole.kind,
            layers=tuple(self._layers),
            output=whole.output,
            parameters=whole.parameters,
            flops=self.counter.total - before,
            key=key or (name,),
        )
        self.units.append(unit)
        if key:
            self._known[key] = unit
        return output


def _units(module: nn.Module, name: str) -> list[tuple[str, nn.Module]]:
    """Return residual blocks, other modules with parts, and single layers; containers and the root are opened."""
    opened = not name or isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
    if not opened or not list(module.children()):
        return [] if isinstance(module, nn.Identity | nn.Sequential) else [(name, module)]
    inner = [_units(child, f"{name}.{part}".lstrip(".")) for part, child in module.named_children()]
    return [unit for units in inner for unit in units]


def _layer(name: str, module: nn.Module, output: torch.Tensor) -> Layer:
    return Layer(
        name=name,
        kind=_kind(module),
        output=tuple(output.shape[1:]),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
    )


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        stride = f" / {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"Conv2d {height}x{width}{stride}" + (" standardised" if isinstance(module, Standardised) else "")
    return type(module).__name__
