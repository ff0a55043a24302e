"""Load coverage: how much of a network a file fills, counted for every load, since a lax load fails silently."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

from torch import Tensor, nn

from resnet_lab.interchange.names import is_vgg

SHOWN = 3  # names of each kind in the report
_COUNTER = ".num_batches_tracked"
_HEADS = ("fc.", "classifier.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A network's tensors against a file's. Parameters are trainable scalars; the backbone is all but the last layer.

    `missing` are the network's names, `unexpected` the file's, `differing` texts such as `fc.weight 10x64, not 100x64`
    with the file's shape last.
    """

    tensors: int
    matched: int
    parameters: int
    matched_parameters: int
    backbone: int
    matched_backbone: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every tensor of the network is filled and every tensor of the file is used."""
        return not (self.missing or self.unexpected or self.differing)

    def as_dict(self) -> dict[str, object]:
        """Return every figure and name, with the shares in per cent, as JSON values."""
        shares = {
            "tensors_percent": percent(self.matched, self.tensors),
            "parameters_percent": percent(self.matched_parameters, self.parameters),
            "backbone_percent": percent(self.matched_backbone, self.backbone),
        }
        return {"complete": self.complete, **asdict(self), **shares}

    def lines(self) -> list[str]:
        """Return the report for people, in at most six lines."""
        head = "load coverage: complete" if self.complete else "load coverage: INCOMPLETE"
        counts = [
            f"  tensors     {_share(self.matched, self.tensors)}",
            f"  parameters  {_share(self.matched_parameters, self.parameters)}; "
            f"of the backbone {_share(self.matched_backbone, self.backbone)}",
        ]
        if not self.tensors:  # of no network
            counts = []
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "shapes": self.differing}
        return [head, *counts, *(_listed(kind, names) for kind, names in kinds.items() if names)]


def compare(model: nn.Module, given: Mapping[str, Tensor], unexpected: Iterable[str] = ()) -> Coverage:
    """Count what tensors, under the network's own names, fill of it. `unexpected` are names without a translation.

    BatchNorm's counters of batches are counted only where the file has any: torch wrote none before 0.4.1.
    """
    counted = any(name.endswith(_COUNTER) for name in given)
    expected = {name: tensor for name, tensor in model.state_dict().items() if counted or not name.endswith(_COUNTER)}
    matched = matching(expected, given)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    heads = head_prefixes(sizes)
    backbone = {name: size for name, size in sizes.items() if not name.startswith(heads)}
    both = expected.keys() & given.keys()
    return Coverage(
        tensors=len(expected),
        matched=len(matched),
        parameters=sum(sizes.values()),
        matched_parameters=sum(size for name, size in sizes.items() if name in matched),
        backbone=sum(backbone.values()),
        matched_backbone=sum(size for name, size in backbone.items() if name in matched),
        missing=tuple(name for name in expected if name not in given),
        unexpected=(*(name for name in given if name not in expected), *unexpected),
        differing=tuple(_difference(name, expected[name], given[name]) for name in expected if name in both - matched),
    )


def head_prefixes(names: Collection[str]) -> tuple[str, ...]:
    """Return what the names of a network's last layer begin with; a VGG's classifier has layers before it."""
    if not is_vgg(names):
        return _HEADS
    return (f"classifier.{max(int(name.split('.')[1]) for name in names if name.startswith('classifier.'))}.",)


def matching(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> frozenset[str]:
    """Return the names whose tensors agree in shape and in being of floating point or not."""
    return frozenset(
        name
        for name, tensor in given.items()
        if name in expected
        and tensor.shape == expected[name].shape
        and tensor.is_floating_point() == expected[name].is_floating_point()
    )


def percent(part: int, whole: int) -> float:
    """Return a share in per cent, 0 of nothing."""
    return 100 * part / whole if whole else 0.0


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({_two_digits(part, whole)} %)"


def _two_digits(part: int, whole: int) -> str:
    """Return a share in per cent; only all is 100.00, and only nothing is 0.00."""
    share = percent(part, whole)
    if 0 < share < 0.005:
        return "under 0.01"
    return "over 99.99" if 99.995 <= share < 100 else f"{share:.2f}"


def _difference(name: str, ours: Tensor, theirs: Tensor) -> str:
    if ours.shape == theirs.shape:
        return f"{name} {ours.dtype}, not {theirs.dtype}".replace("torch.", "")
    shapes = ["x".join(map(str, tensor.shape)) or "scalar" for tensor in (ours, theirs)]
    return f"{name} {shapes[0]}, not {shapes[1]}"


def _listed(kind: str, names: tuple[str, ...]) -> str:
    more = f", ... ({len(names) - SHOWN} more)" if len(names) > SHOWN else ""
    return f"  {kind:<11} {len(names)}: {', '.join(map(_printable, names[:SHOWN]))}{more}"


def _printable(name: str) -> str:
    """Return a name without what a terminal would obey: names come from files that nothing vouches for."""
    return name[:120].encode("unicode_escape").decode()
