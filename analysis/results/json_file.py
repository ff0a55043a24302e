"""JSON files of a report's folder, read with errors that name the remedy."""

import json
from pathlib import Path
from typing import Any

from resnet_lab.errors import UserError


def read_json(path: Path) -> object:
    """Return the content of a JSON file. Raises UserError where it cannot be read or is not JSON."""
    try:
        content: object = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}): run the study again") from None
    except ValueError:
        raise UserError(f"{path} is not JSON: run the study again, which rewrites it") from None
    return content


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file. Raises UserError where there is none."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object: run the study again")
    return content
