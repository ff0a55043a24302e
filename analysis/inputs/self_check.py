"""Self-check of a network that was decomposed: its parts in a row must compute what its own forward computes.

Names and types tell where the parts lie, never what the forward does between them: another pooling, a forward of the
user's own or a hook would be lost without a trace in every number that follows.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from resnet_lab.errors import UserError

IMAGES = 16
"""Images that are compared, the first of the first batch: in eval mode each is computed apart from the others."""
_POOLINGS = ("avgpool", "global_pool")
_KNOWN = ("torchvision.", "timm.", "resnet_lab.")


@dataclass(slots=True)
class CheckedBatches:
    """`batches` as they are; the first images of the first batch are compared once, before anything else sees them."""

    batches: Iterable[tuple[Tensor, Tensor]]
    model: nn.Module
    items: Sequence[nn.Module]
    checked: bool = field(init=False, default=False)

    def __len__(self) -> int:
        return len(self.batches)  # type: ignore[arg-type]  # or the TypeError of what has no length

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in self.batches:
            if not self.checked:
                require_own_forward(self.model, self.items, x)
                self.checked = True
            yield x, y


def require_own_forward(model: nn.Module, items: Sequence[nn.Module], x: Tensor) -> None:
    """Compare the items, run in a row, with the model's own forward in eval mode on x [N, C, H, W].

    Raises UserError where the largest difference is above a tolerance for the model's dtype, as a share of the largest
    logit. The model is left alone.
    """
    x = x[:IMAGES].to(next(model.parameters()).dtype)
    whole = copy.deepcopy(model).eval() if model.training else model
    with torch.no_grad():
        own = _attempt("its own forward fails", model, lambda: whole(x))
        parts = _attempt("its parts, run one after the other, fail", model, lambda: _in_a_row(items, x))
    if not isinstance(own, Tensor) or own.shape != parts.shape:
        given = f"a tensor of {tuple(own.shape)}" if isinstance(own, Tensor) else f"a {type(own).__name__}"
        raise _refusal(model, f"its own forward gives {given}, its parts give logits of {tuple(parts.shape)}")
    difference = relative_difference(parts, own)
    if not difference <= tolerance(own.dtype):
        apart = f"logits that differ by {difference:.2g} times the largest of its own forward's"
        raise _refusal(model, f"its parts, run one after the other, give {apart}")


def relative_difference(one: Tensor, other: Tensor) -> float:
    """Return max |one - other| / max |other| of tensors of one shape, as float64.

    Infinite where only one of them is finite, or holds nan: a network that diverged agrees with itself.
    """
    one, other = one.double(), other.double()
    finite = torch.isfinite(other)
    if not torch.equal(torch.isfinite(one), finite):
        return math.inf
    if not finite.any():
        return 0.0
    difference, scale = float((one - other)[finite].abs().max()), float(other[finite].abs().max())
    return difference / scale if scale else math.inf if difference else 0.0


def tolerance(dtype: torch.dtype) -> float:
    """Return the square root of the type's precision, half of its digits: 3.5e-4 for float32, 1.5e-8 for float64.

    The same operations in another grouping stay some tens of units of rounding apart, another pooling does not.
    """
    return math.sqrt(torch.finfo(dtype).eps)


def _in_a_row(items: Sequence[nn.Module], x: Tensor) -> Tensor:
    for item in items:
        x = item(x)
    return x


def _attempt(what: str, model: nn.Module, run: Callable[[], Tensor]) -> Tensor:
    try:
        return run()
    except RuntimeError as error:  # a shape that does not fit, most of all
        raise _refusal(model, f"{what} on the first images ({' '.join(str(error).split())[:120]})") from None


def _refusal(model: nn.Module, what: str) -> UserError:
    return UserError(
        f"{type(model).__name__} computes something else than its blocks in a row: {what}; {_reason(model)}. Give a "
        "network that is its stem, its blocks, average pooling and one linear layer"
    )


def _reason(model: nn.Module) -> str:
    """Return what is known of the model that may be the reason."""
    children = dict(model.named_children())
    poolings = [f"{name} is {_line(children[name])}" for name in _POOLINGS if name in children]
    likely = ["a pooling other than the average" + (f" ({', '.join(poolings)})" if poolings else "")]
    own = next(base for base in type(model).__mro__ if vars(base).keys() & {"forward", "_forward_impl"})
    if not own.__module__.startswith(_KNOWN) or "forward" in vars(model):
        likely.append(f"a forward of its own ({own.__module__}.{own.__qualname__})")
    if model._forward_hooks or model._forward_pre_hooks:
        likely.append("its hooks")
    return f"likely reasons: {', '.join(likely)}"


def _line(module: nn.Module) -> str:
    return " ".join(repr(module).split())[:80]
