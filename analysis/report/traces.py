"""Files of trials, read when a section asks for them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resnet_lab.spec.fields import CONFIG_FILE
from resnet_lab.trials import batch_record
from resnet_lab.trials.notices import Notice, read_notices
from resnet_lab.trials.signature import ENVIRONMENT_FILE, HISTORY_FILE, START_FILE, read_history

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
        return self._read(HISTORY_FILE, read_history, keep_empty=True)

    @cached_property
    def environments(self) -> Mapping[str, Json]:
        """env.json."""
        return self._read(ENVIRONMENT_FILE, _object)

    @cached_property
    def batches(self) -> Mapping[str, Sequence[Json]]:
        """batches.jsonl: the training accuracy of each mini-batch, of the trials that recorded it."""
        return {name: lines for name in self.trial_names if (lines := batch_record.read(self.trials_root / name))}

    @cached_property
    def starts(self) -> Mapping[str, Json]:
        """start.json: digests of each trial's starting point."""
        return self._read(START_FILE, _object)

    @cached_property
    def configs(self) -> Mapping[str, str]:
        """The text of config.json."""
        return self._read(CONFIG_FILE, _text)

    @cached_property
    def notices(self) -> Mapping[str, Sequence[Notice]]:
        """What was found damaged and made again, and what changed in mid-trial."""
        read = {name: read_notices(self.trials_root / name) for name in dict.fromkeys(self.trial_names)}
        return {name: notices for name, notices in read.items() if notices}

    def _read(self, file: str, parse: Callable[[bytes], Any], *, keep_empty: bool = False) -> dict[str, Any]:
        read = {name: parse(_content(self.trials_root / name / file)) for name in dict.fromkeys(self.trial_names)}
        return {name: content for name, content in read.items() if content or keep_empty}


def _content(path: Path) -> bytes:
    """Return a file's content; nothing for a trial that never began, or was removed since."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _text(content: bytes) -> str:
    return content.decode(errors="replace")


def _object(content: bytes) -> Json:
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
