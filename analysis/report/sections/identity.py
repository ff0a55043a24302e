"""Part of `Design and audit`: what proves that arms were paired, and which versions of code and data made them."""

import json
from collections import Counter
from collections.abc import Iterator

from analysis.report.data import ReportData
from analysis.report.document import Block, Text
from analysis.tables.pairing_words import pairing_lines
from resnet_lab.trials.versions import codes_of, count_text


def identity(data: ReportData) -> Iterator[Block]:
    """Yield the proof of pairing or its warnings, and a line where versions of the code are mixed."""
    for line in identity_lines(data):
        yield Text(line)


def identity_lines(data: ReportData) -> list[str]:
    """Return the lines of `identity`."""
    return [*pairing_lines(data.pairing), *_versions(data)]


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
