"""Numbers as JSON and CSV take them."""

import math
from typing import TypeVar

T = TypeVar("T")


def none_if_nan(value: T) -> T | None:
    """Return the value, or None for nan, which JSON does not have."""
    return None if isinstance(value, float) and math.isnan(value) else value
