"""Part of `Design and audit`: what proves that arms were paired, and which code, data and processors made them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.report.data import ReportData
from analysis.report.document import Block, Text
from analysis.tables.pairing_words import pairing_lines
from resnet_lab.trials.versions import codes_of, count_text


def identity(data: ReportData) -> Iterator[Block]:
    """Yield the proof of pairing or its warnings, and a line where code, images or processors are mixed."""
    for line in identity_lines(data):
        yield Text(line)


def identity_lines(data: ReportData) -> list[str]:
    """Return the lines of `identity`."""
    return [*pairing_lines(data.pairing), *_versions(data), *_processors(data)]


def _versions(data: ReportData) -> Iterator[str]:
    """Yield a warning where trials were trained by several versions of the code, or on several of one set of images."""
    codes = Counter(" then ".join(codes_of(env)) for env in data.environments.values())
    if len({code for names in codes for code in names.split(" then ")}) > 1:
        yield f"WARNING: this study mixes versions of the code that trains: {count_text(codes)}."
    images: dict[tuple[object, ...], set[str]] = {}
    for name, env in data.environments.items():
        fields = json.loads(data.configs.get(name) or "{}")
        key = tuple(value for field, value in fields.items() if field.startswith("data."))
        images.setdefault(key, set()).add(str((env.get("data") or {}).get("sha256")))
    for key, digests in images.items():
        if len(digests) > 1:
            listed = ", ".join(sorted(digests))
            yield f"WARNING: the images of {key[0]} are not the same in all trials: SHA-256 {listed}."


def _processors(data: ReportData) -> Iterator[str]:
    """Yield a warning where trials ran on processors or GPUs of several models, and how often that is within a seed."""
    models: dict[object, Counter[str]] = {}
    for name, env in data.environments.items():
        if model := _model(env):
            seed = json.loads(data.configs.get(name) or "{}").get("seed")
            models.setdefault(seed, Counter())[model] += 1
    total = sum(models.values(), Counter[str]())
    if len(total) < 2:
        return
    counted = "; ".join(f"{count} on {model}" for model, count in sorted(total.items()))
    apart = sum(len(each) > 1 for each in models.values())
    yield (
        f"WARNING: trials ran on {len(total)} models of processors, which round differently ({counted}); of "
        f"{len(models)} seeds, {apart} {'has' if apart == 1 else 'have'} arms on different ones."
    )


def _model(env: Mapping[str, Any]) -> str:
    """Return the GPU, or the processor without the number of its threads, which does not change the rounding."""
    return str(env.get("gpu") or env.get("processor") or "").partition(" (")[0]
