"""Numbers as JSON and CSV take them."""

import math
from typing import TypeVar

T = TypeVar("T")


def none_if_undefined(value: T) -> T | None:
    """Return the value, or None for nan and for infinity, as for a median of seeds most of which diverged."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def none_if_nan(value: T) -> T | None:
    """Return the value, or None for nan, which JSON does not have."""
    return None if isinstance(value, float) and math.isnan(value) else value
