"""Files of trials, read when a section asks for them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resnet_lab.spec.fields import CONFIG_FILE
from resnet_lab.trials.trial import ENVIRONMENT_FILE, HISTORY_FILE

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Files of trials by the trial's name, and launch.json. A trial whose folder is gone has none."""

    launch: Json
    """launch.json: command line, seconds, joules and links of the last launch."""
    trials_root: Path
    trial_names: Sequence[str]

    @cached_property
    def histories(self) -> Mapping[str, Sequence[Json]]:
        """The records of history.jsonl, one per epoch."""
        return self._read(HISTORY_FILE, _records, keep_empty=True)

    @cached_property
    def environments(self) -> Mapping[str, Json]:
        """env.json."""
        return self._read(ENVIRONMENT_FILE, _object)

    @cached_property
    def configs(self) -> Mapping[str, str]:
        """The text of config.json."""
        return self._read(CONFIG_FILE, str)

    def _read(self, file: str, parse: Callable[[str], Any], *, keep_empty: bool = False) -> dict[str, Any]:
        read = {name: parse(_text(self.trials_root / name / file)) for name in dict.fromkeys(self.trial_names)}
        return {name: content for name, content in read.items() if content or keep_empty}


def _text(path: Path) -> str:
    """Return a file's text; nothing for a trial that never began, or was removed since."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _object(text: str) -> Json:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _records(text: str) -> list[Json]:
    return [record for line in text.splitlines() if (record := _object(line))]
