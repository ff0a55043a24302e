"""Text and JSON of a traced network."""

from itertools import groupby
from math import prod
from typing import Any

from rich.console import Console
from rich.table import Table
from torch import nn

from ablations.block import ResidualBlock
from ablations.layout import describe
from resnet_lab.inspect.depth import depth, has_unknown_weights
from resnet_lab.inspect.flops import CONVENTION
from resnet_lab.inspect.order import LETTERS, block_orders, is_unknown, last_operations, scalars, tail, unknown_parts
from resnet_lab.inspect.signature import digest, signature
from resnet_lab.inspect.trace import Layer, Shape, Trace, Unit
from resnet_lab.networks.resnet import ResNet
from resnet_lab.spec import ModelSpec
from resnet_lab.spec.families import WITH_BLOCKS

WIDTH = 80
BYTES = 4  # of a float32


def show(spec: ModelSpec, traced: Trace, image: Shape, *, full: bool) -> None:
    """Print the layer table and its totals; equal blocks in a row are one entry unless `full`."""
    console = Console(width=WIDTH, highlight=False)
    console.print(_table(traced, full=full))
    console.print()
    for line in _lines(spec, traced, image):
        console.print(line, markup=False)


def as_dict(spec: ModelSpec, traced: Trace, image: Shape) -> dict[str, Any]:
    """Return the summary as JSON values; its layers are the rows of the table, equal blocks spelt out."""
    return {
        "parameters": traced.parameters,
        "scalars": scalars(traced.network),
        "flops": traced.flops,
        "depth": depth(traced.network, spec.name),
        "flops_convention": CONVENTION,
        "input": list(image),
        "layout": describe(spec.block) if spec.name in WITH_BLOCKS else None,
        "block_orders": dict(block_orders(traced.network)),
        "before_pooling": tail(traced.network),
        "unknown_parts": list(unknown_parts(traced.network)),
        "signature": digest(signature(traced.network)),
        "memory_mb": round(sum(memory(traced).values()), 3),
        "torchsummary_mb": {name: round(size, 2) for name, size in torchsummary(traced).items()},
        "memory_parts_mb": {name: round(size, 3) for name, size in memory(traced).items()},
        "layers": [row for unit in traced.units for row in _rows(unit)],
    }


def memory(traced: Trace) -> dict[str, float]:
    """Return the float32 memory in MB (10^6 bytes): weights with buffers, and for one image the outputs of all layers.

    That is what a training step keeps for its backward pass, but for what operations on the same memory save.
    """
    network = traced.network
    weights = sum(tensor.numel() for tensor in (*network.parameters(), *network.buffers()))
    outputs = sum(prod(layer.output) for unit in traced.units for layer in unit.layers or (unit,))
    return {"weights": weights * BYTES / 1e6, "activations": outputs * BYTES / 1e6}


def torchsummary(traced: Trace) -> dict[str, float]:
    """Return the sizes that the package torchsummary prints as "MB", which are 2^20 bytes, for one image.

    `forward_backward` is twice the outputs of all modules, among them blocks and a global pooling; a dense layer's is
    what it was given with what it adds. `params` is without buffers.
    """
    parts: list[Unit | Layer] = [*traced.units, *(layer for unit in traced.units for layer in unit.layers)]
    outputs = sum(prod(part.output) for part in parts)
    outputs += sum(prod(unit.layers[0].output) for unit in traced.units if unit.kind == _DENSE_LAYER)
    if isinstance(traced.network, ResNet):  # its pooling is no module
        outputs += prod(traced.units[-2].output[:1])
    return {"forward_backward": 2 * outputs * BYTES / 2**20, "params": traced.parameters * BYTES / 2**20}


_DENSE_LAYER = "_DenseLayer"  # torchvision's: its first layer sees all that came before it


def _rows(unit: Unit) -> list[dict[str, Any]]:
    """Return the row of a unit and, for one with parts, those of its layers, whose `unit` it is."""
    whole = _entry(unit.name, unit, None) | {"flops": unit.flops}
    return [whole, *(_entry(f"{unit.name}.{layer.name}", layer, unit.name) for layer in unit.layers)]


def _entry(name: str, row: Unit | Layer, unit: str | None) -> dict[str, Any]:
    counts = {"output": list(row.output), "parameters": row.parameters, "flops": None}
    return {"name": name, "kind": row.kind, "unit": unit, **counts}


def _table(traced: Trace, *, full: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("layer", "kind"):
        table.add_column(name, no_wrap=True)
    for name in ("output", "parameters", "MFLOPs"):
        table.add_column(name, justify="right", no_wrap=True)
    for _, same in groupby(traced.units, key=lambda unit: (unit.key, unit.output)):
        units = list(same)
        for part in [[unit] for unit in units] if full else [units]:
            _add(table, part, inner=full or part[0].kind == ResidualBlock.__name__)
    return table


def _add(table: Table, units: list[Unit], *, inner: bool) -> None:
    """Add equal units: one line, and under it, where asked for, the layers of the first."""
    first = units[0]
    times = f" x {len(units)}" if len(units) > 1 else ""
    last = f" .. {units[-1].name.rpartition('.')[2]}" if times else ""
    each = " each" if times else ""
    flops = f"{first.flops / 1e6:,.2f}" if first.flops else ""
    kind = f"{first.kind}{times}"
    table.add_row(first.name + last, kind, _shape(first.output), _count(first.parameters) + each, flops)
    for layer in first.layers if inner else ():
        table.add_row(f"  {layer.name}", layer.kind, _shape(layer.output), _count(layer.parameters), style="dim")


def _lines(spec: ModelSpec, traced: Trace, image: Shape) -> list[str]:
    network = traced.network
    lines = []
    if spec.name in WITH_BLOCKS:
        lines.append(f"order of operations in the table of layouts: {describe(spec.block)}")
    orders = block_orders(network)
    if orders:
        lines.append("as built: branch | after the addition; both paths read what is before a colon")
        lines += [f"  {count:>4} x  {order}" for order, count in orders.items()]
        shown = {operation for order in orders for operation in order.split()}
        lines.append("  " + ", ".join(f"{key} {LETTERS[key][0]}" for key in LETTERS if key in shown))
    lines.append(f"between the last convolution and pooling: {_final(network)}")
    if unknown := unknown_parts(network):
        lines.append(f"parts that are not known here, by their class names: {', '.join(unknown)}")
    count = scalars(network)
    sizes, theirs = memory(traced), torchsummary(traced)
    lines += [
        f"parameters: {traced.parameters:,}" + (f", {count} of them learned shifts and factors" if count else ""),
        f"FLOPs:      {traced.flops:,} for an input of {_shape(image)}",
        *(f"            {part}" for part in CONVENTION.split("; ")),
        f"memory:     {sizes['weights']:,.2f} MB of weights, {sizes['activations']:,.2f} MB of outputs of layers",
        "            float32; the outputs for one image, as a training step keeps them",
        f"            as torchsummary counts: forward/backward {theirs['forward_backward']:,.2f}, "
        f"params {theirs['params']:,.2f} MiB",
        f"depth:      {_at_least(network)}{depth(network, spec.name)}",
        "            weighted layers on the main path, as the paper counts them",
    ]
    return lines


def _shape(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _at_least(network: nn.Module) -> str:
    return "at least " if has_unknown_weights(network) else ""


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _final(network: nn.Module) -> str:
    """Return the norm and the activation before pooling, what is not known there, or `nothing`."""
    found = last_operations(network)
    names = [each if is_unknown(each) else LETTERS[each][0] for each in found if each in "na" or is_unknown(each)]
    text = ", ".join(names) or "nothing"
    read = isinstance(network, ResNet) or "a" in found
    return text if read else f"{text}\n            besides what its forward method applies, which is not read"
