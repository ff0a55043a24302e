"""Facts of a network for the audit, as plain values. Imports no torch before a network is built."""

from dataclasses import asdict, dataclass

from resnet_lab.data.catalog import ImageShape
from resnet_lab.spec import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFacts:
    """One network as it was built, for one image of its data."""

    parameters: int
    flops: int
    """2 x multiply-adds of the forward pass."""
    depth: int
    """Weighted layers on the main path, in the count of the family's paper."""
    residual_blocks: int
    """Blocks with an addition; a plain net has none."""
    final_norm: bool | None
    """Whether a norm stands between the last convolution and pooling; None where a part there is not known."""
    final_activation: bool | None
    """Whether an activation stands there; None where none is found but a part or a forward method may apply one."""
    signature: str
    """Equal for networks that are known to be the same function of input and weights, started alike."""
    unknown_parts: tuple[str, ...] = ()
    """Class names of modules on the main path that nothing here knows."""
    unknown: tuple[str, ...] = ()
    """Names of the facts above that are not known: of `depth`, what the known layers come to is given."""

    def as_dict(self) -> dict[str, object]:
        """Return the facts as JSON takes them; what is not known is left out where there is no such thing."""
        plain = asdict(self)
        return {name: value for name, value in plain.items() if value or name not in ("unknown_parts", "unknown")}


def inspect(spec: ModelSpec, images: ImageShape) -> NetworkFacts:
    """Build a network for images on the meta device and read it.

    Raises UserError or ValueError where it cannot be built for its images.
    """
    from resnet_lab.inspect.depth import depth, has_unknown_weights
    from resnet_lab.inspect.order import is_unknown, last_operations, unknown_parts
    from resnet_lab.inspect.signature import digest, signature
    from resnet_lab.inspect.trace import trace
    from resnet_lab.networks.resnet import ResNet, residual_blocks

    traced = trace(spec, channels=images.channels, classes=images.classes, size=images.size)
    network = traced.network
    last, parts = last_operations(network), unknown_parts(network)
    hidden = any(map(is_unknown, last))
    final = {
        "final_norm": "n" in last or (None if hidden else False),
        "final_activation": "a" in last or (None if hidden or not isinstance(network, ResNet) else False),
    }
    unknown = [name for name, found in final.items() if found is None]
    if has_unknown_weights(network):
        unknown.insert(0, "depth")
    return NetworkFacts(
        parameters=traced.parameters,
        flops=traced.flops,
        depth=depth(network, spec.name),
        residual_blocks=sum(block.shortcut is not None for block in residual_blocks(network)),
        **final,
        # What a part that is not known keeps to itself, no signature shows: then only equal specs are one network.
        signature=digest((*signature(network), ("spec", repr(spec))) if parts else signature(network)),
        unknown_parts=parts,
        unknown=tuple(unknown),
    )
