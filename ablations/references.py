"""References to parts of one's own: `module:callable`, pinned to its source as `module:callable@1b2c3d4e`.

The digest is of the module's source file, not of what that imports. It is part of the value, so that a run's
fingerprint, its checkpoint and its table hold it. Imports neither torch nor the module.
"""

import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import reduce
from pathlib import Path
from typing import Any, Self

PATTERN = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<name>[A-Za-z_][\w.]*)(@(?P<digest>[0-9a-f]{8}))?")
DIGITS = 8
"""Hex digits of a digest."""


class OwnPartError(ValueError):
    """A part of one's own that cannot be found, has changed, or does not keep its contract."""


class OpenEnum(StrEnum):
    """An enum that takes a part of one's own too: a member for each pinned reference, not among those iterated."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        text = pinned(value) if isinstance(value, str) else None
        if text is None:
            return None
        member = str.__new__(cls, text)
        member._name_ = member._value_ = text
        return _MEMBERS.setdefault((cls, text), member)  # type: ignore[return-value]  # a member of cls


_MEMBERS: dict[tuple[type[OpenEnum], str], OpenEnum] = {}


def own(part: Callable[..., Any]) -> str:
    """Return the pinned reference of a class or function, for the levels of a study: `own(swish2)`.

    Raises OwnPartError for what no other process can import: a lambda, or a name inside a function.
    """
    module, name = part.__module__, part.__qualname__
    if module == "__main__":
        module = Path(getattr(sys.modules[module], "__file__", None) or module).stem
    text = pinned(f"{module}:{name}")
    if text is None:
        raise OwnPartError(f"{module}:{name} cannot be imported by name: define it at the top of a module's file")
    return text


def is_own(value: str) -> bool:
    """Whether a value is a reference, pinned or not, and not one of ours."""
    return PATTERN.fullmatch(value) is not None


def pinned(text: str) -> str | None:
    """Return a reference with its digest, as it is where it has one; None where there is no such reference."""
    match = PATTERN.fullmatch(text)
    if match is None or match["digest"]:
        return text if match else None
    digest = digest_of(match["module"])
    return digest and f"{text}@{digest}"


def digest_of(module: str) -> str | None:
    """Return the digest of a module's source; None where there is none."""
    path = _source(module)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS] if path else None


def missing(text: str) -> str:
    """Return in a sentence why a reference is not one, or nothing where it is."""
    match = PATTERN.fullmatch(text)
    if match is None or match["digest"] or _source(match["module"]):
        return ""
    return (
        f"there is no module {match['module']!r} to import: put {match['module']}.py beside the study's file or into "
        "the folder the command starts in, or on PYTHONPATH"
    )


def resolve(text: str) -> Callable[..., Any]:
    """Import what a reference names. Raises OwnPartError where it is missing, or its source is not the pinned one."""
    match = PATTERN.fullmatch(text)
    if match is None or missing(text) or (found := digest_of(match["module"])) is None:
        bare = text.partition("@")[0]
        raise OwnPartError(missing(bare) or f"{text!r} is no reference: write module:callable")
    if match["digest"] not in (None, found):
        raise OwnPartError(
            f"{match['module']} has changed: {text} names another source than the one at hand, of digest {found}: "
            "bring that source back, or name the part without a digest to run what it is now"
        )
    try:
        part = reduce(getattr, match["name"].split("."), importlib.import_module(match["module"]))
    except Exception as error:  # anything may happen in a stranger's module
        raise OwnPartError(f"{text} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(part):
        raise OwnPartError(f"{text} is a {type(part).__name__}, which cannot be called: name a class or a function")
    return part


def _source(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    path = Path(spec.origin) if spec and spec.origin else None
    return path if path is not None and path.is_file() else None


if __name__ == "__main__":
    raise SystemExit("error: ablations.references is no command: use python -m ablations")
