"""Signature of a network: two networks of equal signature are the same function of input and weights.

A signature is a tuple of steps in the order of computation, each with its configuration and shapes. What changes no
function is left out: names, nesting, in-place flags, identities, factors of 1, an activation of its own output. What
is not known to be harmless is kept, so that a doubtful difference keeps two networks distinct.
"""

import dataclasses
import hashlib
from typing import TypeAlias

from torch import nn

from ablations.block import ResidualBlock
from ablations.choices import Shortcut
from ablations.shortcuts import Scale
from resnet_lab.inspect.order import NO_OPERATION, letter_of
from resnet_lab.networks.resnet import ResNet

Step: TypeAlias = tuple[object, ...]
Signature: TypeAlias = tuple[Step, ...]


def signature(module: nn.Module) -> Signature:
    """Return the steps of a module. Reads structure and shapes only, so the meta device is enough."""
    match module:
        case nn.Identity():
            return ()
        case nn.Sequential():
            return _join(*map(signature, module))
        case Scale() if module.factor == 1:
            return ()
        case ResidualBlock():
            return _block(module)
        case ResNet():
            body = (module.stem, module.stages, module.head)
            return _join(*map(signature, body), (("mean over the plane",),), signature(module.fc))
        case _:
            return (_other(module),)


def digest(steps: Signature) -> str:
    """Return 12 hex digits that distinguish signatures."""
    return hashlib.sha256(repr(steps).encode()).hexdigest()[:12]


def _block(block: ResidualBlock) -> Signature:
    """A plain block is its steps; in any other, both paths read `before` and `after` reads their sum."""
    branch = _join(signature(block.branch))
    if block.shortcut is None:
        return _join(signature(block.before), branch, signature(block.after))
    add: Step = (
        "add",
        branch,
        signature(block.shortcut),
        _gate(block),
        ("drop_path", block.drop_path),
        *((("test_share", block.test_share),) if block.test_share != 1 else ()),
        # Where training starts is no part of the function, but no two starts are one arm.
        ("start", block.spec.branch_init.value),
    )
    return _join(signature(block.before), (add,), signature(block.after))


def _gate(block: ResidualBlock) -> Step:
    if block.gate is None:
        return ()
    paths = "both paths" if block.spec.shortcut == Shortcut.EXCLUSIVE_GATING else "the shortcut"
    return ("gate on", paths, ("start", block.gate.start), *signature(block.gate.conv))


def _other(module: nn.Module) -> Step:
    """Describe any module by its class, configuration, own parameters and children."""
    shapes = tuple((name, tuple(value.shape)) for name, value in module.named_parameters(recurse=False))
    children = tuple((name, signature(child)) for name, child in module.named_children())
    kind = type(module)
    builtin = kind.__module__.startswith("torch.nn.")
    name = kind.__name__ if builtin else f"{kind.__module__}.{kind.__qualname__}"
    configuration = ", ".join(part for part in module.extra_repr().split(", ") if not _is_inplace(part))
    # These classes of torch print their whole configuration; others may keep some of it in attributes.
    prints_all = kind in letter_of() or kind in NO_OPERATION
    return (name, configuration, shapes, children, () if builtin and prints_all else _attributes(module))


def _is_inplace(part: str) -> bool:
    return part in ("", "inplace", "inplace=True", "inplace=False")


def _attributes(module: nn.Module) -> Step:
    skipped = ("training", "inplace", "forward")  # `forward` is what a trace puts there
    own = {name: value for name, value in vars(module).items() if not name.startswith("_") and name not in skipped}
    return tuple((name, text) for name, value in sorted(own.items()) if (text := _value(value)))


def _value(value: object) -> str:
    """Return what tells a value from others: a function's is its name and code; of other objects nothing is known."""
    if _is_plain(value):
        return repr(value)
    if not callable(value):
        return ""
    code = getattr(value, "__code__", None)
    body = repr((code.co_code, code.co_consts, code.co_names)) if code else ""
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')} {body}"


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str) or dataclasses.is_dataclass(value)


def _join(*parts: Signature) -> Signature:
    """Join steps; a ReLU right after a ReLU changes nothing."""
    steps: list[Step] = []
    for step in (step for part in parts for step in part):
        if not (steps and step[0] == "ReLU" and step == steps[-1]):
            steps.append(step)
    return tuple(steps)
