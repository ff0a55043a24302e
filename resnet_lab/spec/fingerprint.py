"""Fingerprints: the identity of a run, which names its folder, so that no run is trained twice."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache, lru_cache

from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.history import revisions, unnamed_then
from resnet_lab.spec.run_spec import RunSpec

# Bump when the default of an existing field changes, or when the engine's results do. Where only some runs change, add
# a revision to `resnet_lab.spec.history` instead: the others keep their names.
SCHEMA = 1


@lru_cache(maxsize=2**16)  # a driver asks for each trial's name some twenty times
def fingerprint(spec: RunSpec) -> str:
    """Return 12 hex digits of the canonical JSON of the fields that differ from their defaults, and the schema.

    A new field with a default therefore keeps old fingerprints. Where a run is not what the same fields once made, its
    revisions (`resnet_lab.spec.history`) are named too.
    """
    defaults = {**_defaults(RunSpec), **unnamed_then(spec)}
    changed = {name: value for name, value in flatten(spec).items() if value != defaults[name]}
    identity = {"schema": SCHEMA, "fields": changed, **dict.fromkeys(revisions(spec), True)}
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


@cache
def _defaults(cls: type[RunSpec]) -> Mapping[str, Value]:
    return flatten(cls())


def cell_fingerprint(spec: RunSpec) -> str:
    """Return the fingerprint of the run without its seed: equal for all repeats of one configuration."""
    return fingerprint(dataclasses.replace(spec, seed=0))


TRIAL_NAME = re.compile(r"[0-9a-f]{12}-seed\d{1,10}")
"""What the name of every trial's folder looks like: one that a file or a store gives is held to it."""


def trial_name(spec: RunSpec) -> str:
    """Return the name of the run's folder: its fingerprint and seed, as in `1b2c3d4e5f60-seed0`."""
    return f"{fingerprint(spec)}-seed{spec.seed}"
