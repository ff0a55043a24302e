"""Digests of source files: unchanged files are not read again, changed ones are."""

import os
from pathlib import Path

import pytest

from resnet_lab.data.photographs.digests import digests
from resnet_lab.data.photographs.listing import list_folder
from resnet_lab.errors import UserError
from tests.resnet_lab.data.photographs.conftest import write_image


def test_a_file_is_read_again_where_its_size_or_time_changed(folder: Path) -> None:
    listing = list_folder(folder)
    first = digests(listing)
    path = folder / "cat" / "0.png"
    times = path.stat()
    content = path.read_bytes()
    path.write_bytes(bytes(reversed(content)))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert digests(listing) == first, "equal size and time: taken as unchanged"
    write_image(path, 99)
    again = digests(listing)
    assert {name for name in first if first[name] != again[name]} == {"cat/0.png"}


def test_a_file_that_has_gone_is_named(folder: Path) -> None:
    listing = list_folder(folder)
    (folder / "dog" / "1.jpg").unlink()
    with pytest.raises(UserError, match=r"dog/1\.jpg cannot be read"):
        digests(listing)
