"""Which depth, width and block each family of networks takes. Imports no torch."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ablations.choices import BlockKind, Preactivation, Shortcut
from ablations.references import is_own
from ablations.spec import BlockSpec
from resnet_lab.spec.choices import ModelName, Pooling, Stem

if TYPE_CHECKING:
    from resnet_lab.spec.run_spec import ModelSpec

# Layers a unit of three stages adds, and layers outside the units.
LAYERS_PER_UNIT = {BlockKind.BASIC: 6, BlockKind.BOTTLENECK: 9}
"""A basic block of other `kernels` than two has `layers_per_unit` instead."""
EXTRA_LAYERS = {ModelName.CIFAR_RESNET: 2, ModelName.WIDE_RESNET: 4, ModelName.DENSENET_BC: 4}
# He et al. 2015, table 1: blocks of the four stages.
IMAGENET_STAGES: Mapping[BlockKind, Mapping[int, tuple[int, ...]]] = {
    BlockKind.BASIC: {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)},
    BlockKind.BOTTLENECK: {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)},
}
# Huang et al. 2017, table 1: layers of the four dense blocks; DenseNet-121 has a name of its own, densenet121.
DENSENET_LAYERS = {161: (6, 12, 36, 24), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
# Simonyan and Zisserman 2014, table 1: the configuration of each depth.
VGG_CONFIGURATIONS = {11: "A", 13: "B", 16: "D", 19: "E"}
VGGS = frozenset({ModelName.IMAGENET_VGG, ModelName.IMAGENET_VGG_BN})
FOR_IMAGENET = VGGS | {ModelName.RESNET50V2, ModelName.DENSENET121, ModelName.IMAGENET_DENSENET}
"""Networks made for images of 224 pixels, besides those with its stem."""
WIDE_STEM = 16  # Zagoruyko and Komodakis 2016, table 1: the stem does not widen
FIXED_BLOCKS = {ModelName.MNIST_RESNET: 6, ModelName.RESNET50V2: 16}
"""Residual blocks of networks that have no fields."""
WITH_BLOCKS = frozenset({ModelName.CIFAR_RESNET, ModelName.WIDE_RESNET, ModelName.IMAGENET_RESNET})


def check(spec: "ModelSpec") -> None:
    """Raise ValueError, whose message says what to change, where the fields do not fit the family."""
    if spec.name in (ModelName.CIFAR_RESNET, ModelName.WIDE_RESNET):
        _check_units(spec, layers_per_unit(spec.block))
        _check_projection(spec)
        _check_wide(spec)
    elif spec.name == ModelName.DENSENET_BC:
        _check_units(spec, LAYERS_PER_UNIT[BlockKind.BASIC])
    elif spec.name == ModelName.IMAGENET_RESNET:
        if not is_own(spec.block.kind) and len(spec.block.branch_kernels) != len(
            BlockSpec(kind=spec.block.kind).branch_kernels
        ):
            raise ValueError(
                "imagenet_resnet counts two convolutions in a basic block: set block.kernels=33, or another two digits"
            )
        _check_depth(spec, _imagenet_stages(spec.block), f"imagenet_resnet with {spec.block.kind} blocks")
    elif spec.name == ModelName.IMAGENET_DENSENET:
        _check_depth(spec, DENSENET_LAYERS, "imagenet_densenet, besides densenet121,")
    elif spec.name in VGGS:
        _check_depth(spec, VGG_CONFIGURATIONS, spec.name)
    _check_unused(spec)


def _imagenet_stages(block: BlockSpec) -> Mapping[int, tuple[int, ...]]:
    return IMAGENET_STAGES.get(block.kind, IMAGENET_STAGES[BlockKind.BASIC])


def layers_per_unit(block: BlockSpec) -> int:
    """Return the layers that one more block in each of three stages adds; an own kind counts as a basic block."""
    return LAYERS_PER_UNIT[BlockKind.BASIC] if is_own(block.kind) else 3 * len(block.branch_kernels)


def stages(spec: "ModelSpec") -> tuple[int, ...]:
    """Return the number of blocks of each stage of a network made of blocks."""
    if spec.name == ModelName.IMAGENET_RESNET:
        return _imagenet_stages(spec.block)[spec.depth]
    return ((spec.depth - EXTRA_LAYERS[spec.name]) // layers_per_unit(spec.block),) * 3


def shortcut_blocks(spec: "ModelSpec") -> int:
    """Return how many residual blocks with a shortcut a network has; none in a plain net, a VGG or a DenseNet."""
    if spec.name not in WITH_BLOCKS:
        return FIXED_BLOCKS.get(spec.name, 0)
    return 0 if spec.block.shortcut == Shortcut.NONE else sum(stages(spec))


def unread_by(name: str) -> frozenset[str]:
    """Return which of depth and width a family of fixed networks does not read; none of an unknown one's."""
    families = {family.value: family for family in ModelName}
    if name not in families or families[name] in WITH_BLOCKS:
        return frozenset()
    return frozenset({"depth", "width"}) - _READ.get(families[name], frozenset())


def _check_depth(spec: "ModelSpec", depths: Iterable[int], what: str) -> None:
    if spec.depth not in depths:
        raise ValueError(
            f"{what} has depth {', '.join(map(str, depths))}, not {spec.depth}: set model.depth{_other(spec)}"
        )


def _other(spec: "ModelSpec") -> str:
    """Return how the other kind of block is asked for, where it has the depths of its own."""
    if spec.name != ModelName.IMAGENET_RESNET:
        return ""
    others = {kind: depths for kind, depths in IMAGENET_STAGES.items() if kind != spec.block.kind}
    kinds = (f"{', '.join(map(str, depths))} with model.block.kind={kind}" for kind, depths in others.items())
    return f" (or {'; '.join(kinds)})"


def _check_units(spec: "ModelSpec", unit: int) -> None:
    extra = EXTRA_LAYERS[spec.name]
    units, rest = divmod(spec.depth - extra, unit)
    if rest or units < 1:
        low = max(units, 1) * unit + extra
        nearest = f"{low} or {low + unit}" if units >= 1 else f"{low}"
        kind = f"{spec.block.kind} blocks" if spec.name in WITH_BLOCKS else spec.name
        raise ValueError(f"depth {spec.depth} is not {unit}n+{extra}, as {kind} need: the nearest is {nearest}")


def _check_wide(spec: "ModelSpec") -> None:
    """A block may widen, not narrow: the first one reads the stem's channels."""
    least = WIDE_STEM // 4 if spec.block.kind == BlockKind.BOTTLENECK else WIDE_STEM
    if spec.name == ModelName.WIDE_RESNET and spec.width < least:
        raise ValueError(f"width {spec.width} is less than the {WIDE_STEM} channels of the stem: set at least {least}")


def _check_projection(spec: "ModelSpec") -> None:
    """Refuse C where every block changes shape: it would build the network of B."""
    widens = spec.block.kind == BlockKind.BOTTLENECK or (spec.name == ModelName.WIDE_RESNET and spec.width > 16)
    if spec.block.shortcut == Shortcut.C and widens and stages(spec)[0] == 1:
        deeper = spec.depth + layers_per_unit(spec.block)
        raise ValueError(
            f"at depth {spec.depth} every block changes shape, so that shortcut=C builds the same network as B: "
            f"set block.shortcut=B, or depth={deeper} or more"
        )


def _check_unused(spec: "ModelSpec") -> None:
    """Refuse fields that the family does not read: two values of them would be one network."""
    unused = []
    if spec.name not in WITH_BLOCKS:
        others = {"block", "stem", "depth", "width"} - _READ.get(spec.name, frozenset())
        unused += [name for name, default in _DEFAULTS.items() if name in others and getattr(spec, name) != default]
    if not spec.final_norm and (spec.name not in WITH_BLOCKS or spec.block.preactivation == Preactivation.NONE):
        unused.append("final_norm")
    if spec.name != ModelName.RESNET50V2:
        unused += [name for name in ("pooling", "keras_preact") if getattr(spec, name) != _DEFAULTS[name]]
    if unused:
        raise ValueError(f"{spec.name} does not read {' or '.join(unused)} here: leave it at its default")


_READ = {
    ModelName.DENSENET_BC: frozenset({"depth", "width"}),
    ModelName.IMAGENET_DENSENET: frozenset({"depth"}),
    **dict.fromkeys(VGGS, frozenset({"depth", "width"})),
}
"""What families without blocks read of the fields of those with blocks."""
_DEFAULTS = {
    "block": BlockSpec(),
    "stem": Stem.CIFAR,
    "depth": 20,
    "width": 16,
    "pooling": Pooling.AVERAGE,
    "keras_preact": True,
}
