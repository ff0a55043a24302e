"""Facts of a network for the audit, as plain values. Imports no torch before a network is built."""

from dataclasses import dataclass

from resnet_lab.data.catalog import CATALOG
from resnet_lab.spec import DatasetName, ModelSpec


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
    final_norm: bool
    """Whether a norm stands between the last convolution and pooling."""
    final_activation: bool | None
    """Whether an activation stands there; None where none is found but a forward method may apply one."""
    signature: str
    """Equal for networks that are the same function of input and weights, started alike."""


def inspect(spec: ModelSpec, data: DatasetName) -> NetworkFacts:
    """Build a network for one set of images on the meta device and read it.

    Raises UserError or ValueError where it cannot be built for its images.
    """
    from resnet_lab.inspect.depth import depth
    from resnet_lab.inspect.order import tail
    from resnet_lab.inspect.signature import digest, signature
    from resnet_lab.inspect.trace import trace
    from resnet_lab.networks.resnet import ResNet, residual_blocks

    info = CATALOG[data]
    traced = trace(spec, channels=info.channels, classes=info.classes, size=info.size)
    network = traced.network
    last = tail(network)
    return NetworkFacts(
        parameters=traced.parameters,
        flops=traced.flops,
        depth=depth(network, spec.name),
        residual_blocks=sum(block.shortcut is not None for block in residual_blocks(network)),
        final_norm="n" in last,
        final_activation="a" in last if isinstance(network, ResNet) or "a" in last else None,
        signature=digest(signature(network)),
    )
