"""Differences of a launch from its study's defaults, in short: they name its report, and none overwrites another."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from analysis.tables.labels import short_names
from resnet_lab.spec.fields import parse_assignments
from studies.plan.options import DEFAULTS, Options

LONGEST = 80


def differences(options: Options, seeds: Sequence[int]) -> str:
    """Return `depth56-epochs1-seeds0-4`; `seeds` are the scale's. Beyond `LONGEST` letters a digest ends it."""
    text = "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", part) for part in _parts(options)) + _seeds(options, seeds)
    text = text.strip("-_")
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _parts(options: Options) -> Iterator[str]:
    yield from (f"{name.rpartition('.')[2]}{levels}" for name, levels in parse_assignments(options.arm).items())
    changes = parse_assignments(options.assignments)
    short = short_names(changes)
    yield from (f"{short[name]}{text}" for name, text in sorted(changes.items()))
    yield from options.only
    for name, shown in _SHOWN.items():
        if (value := getattr(options, name)) != DEFAULTS[name]:
            yield f"{shown}{value}"
    if options.until_decided:
        yield "until_decided"


_SHOWN = {
    "recipe": "",
    "epochs": "epochs",
    "precision": "",
    "splits": "splits",
    "orders": "orders",
    "cells": "cells",
    "resolution": "resolution",
    "match": "matched_",
    "tune_seeds": "tune_seeds",
}
"""Options of one value that make other trials or arms, and what stands before the value."""


def _seeds(options: Options, default: Sequence[int]) -> str:
    asked = options.seeds
    if not asked or tuple(asked) == tuple(default):
        return ""
    in_a_row = len(asked) > 1 and all(later == seed + 1 for seed, later in pairwise(asked))
    text = f"{asked[0]}-{asked[-1]}" if in_a_row else "_".join(map(str, asked))
    return f"-seeds{text}"
