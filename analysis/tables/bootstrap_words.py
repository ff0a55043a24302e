"""Bootstrap-t intervals next to Student's, in words and as JSON."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from analysis.comparison.bootstrapped import Bootstrapped
from analysis.results.plain import none_if_nan
from analysis.stats.bootstrap import LEAST, RESAMPLES
from analysis.stats.intervals import Interval
from analysis.tables.cells import difference_text, errors_text
from analysis.tables.labels import full_label

WIDTH = 80


def text(arms: Sequence[Bootstrapped]) -> str:
    """Return both intervals of every arm's mean and difference, in at most 80 columns."""
    lines = textwrap.wrap(
        f"95 % intervals of Student's t and, after a bar, of the bootstrap-t ({RESAMPLES:,} resamples of the seeds; "
        f"Efron 1981), which leans with skewed values; it takes {LEAST} seeds. Tests and verdicts use the first.",
        WIDTH,
    )
    for each in arms:
        row = each.row
        line = f"{full_label({**row.context, **row.arm})}: {errors_text(row)}{_limits(each.error)}"
        if row.pairs:
            line += f"; difference {difference_text(row)}{_limits(each.difference)}"
        lines += textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines)


def _limits(interval: Interval) -> str:
    return " | n/a" if math.isnan(interval.low) else f" | [{interval.low:.2f}, {interval.high:.2f}]"


def content(arms: Sequence[Bootstrapped]) -> list[dict[str, Any]]:
    """Return the bootstrap-t limits of every arm as JSON takes them; null where there are none."""
    return [
        {
            **each.row.context,
            **each.row.arm,
            "low": none_if_nan(each.error.low),
            "high": none_if_nan(each.error.high),
            "difference_low": none_if_nan(each.difference.low),
            "difference_high": none_if_nan(each.difference.high),
        }
        for each in arms
    ]
