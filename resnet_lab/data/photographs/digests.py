"""Digests of source files, kept with size and time of change so that unchanged files are not read again."""

import hashlib
import json
from pathlib import Path

from resnet_lab.data.photographs.listing import Listing
from resnet_lab.data.photographs.store import FOLDER, key_of
from resnet_lab.errors import UserError
from resnet_lab.system import cache

Entry = tuple[int, int, str]  # size, time of change in ns, SHA-256


def digests(listing: Listing) -> dict[str, str]:
    """Return the SHA-256 of each file by its name. Raises UserError where one cannot be read."""
    name = f"{key_of('digests', str(listing.root.absolute()))}.json"
    known = _read(name)
    entries = {file.name: _entry(listing.root, file.name, known.get(file.name)) for file in listing.files}
    if entries != known:
        cache.keep(FOLDER, name, json.dumps(entries).encode())
    return {name: digest for name, (_, _, digest) in entries.items()}


def _read(file: str) -> dict[str, Entry]:
    content = json.loads(cache.read(FOLDER, file) or b"{}")
    return {name: (size, time, digest) for name, (size, time, digest) in content.items()}


def _entry(root: Path, name: str, known: Entry | None) -> Entry:
    path = root / name
    try:
        status = path.stat()
        if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
            return known
        return status.st_size, status.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): mend it, or remove it from the folder") from None
