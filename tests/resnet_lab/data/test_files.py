"""Published files: the intact file is read, any other refused by name."""

from hashlib import md5, sha1
from pathlib import Path

import pytest

from resnet_lab.data.files import KnownFile, find_folder, read_known
from resnet_lab.errors import UserError

CONTENT = b"twelve bytes"
FILE = KnownFile(name="a", digest=sha1(CONTENT).hexdigest(), algorithm="sha1", size=12)


@pytest.mark.parametrize("file", [FILE, KnownFile(name="a", digest=md5(CONTENT).hexdigest())])
def test_the_published_file_is_read(tmp_path: Path, file: KnownFile) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    assert read_known(tmp_path, file) == CONTENT


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (CONTENT[:-1], "is truncated, 11 bytes where 12 are expected"),
        (CONTENT + b"!", "is too long, 13 bytes where 12 are expected"),
        (b"twelve bytez", "is truncated or altered, its SHA-1 is not the published one"),
        (None, "is missing"),
    ],
)
def test_any_other_file_is_refused_by_name(tmp_path: Path, content: bytes | None, fault: str) -> None:
    if content is not None:
        (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_known(tmp_path, FILE)
    assert str(caught.value).startswith(f"{tmp_path / 'a'} {fault}: put the official file there")


def test_a_set_is_found_below_the_folder_or_in_it(tmp_path: Path) -> None:
    assert find_folder(tmp_path, "set", (FILE,)) is None
    (tmp_path / "set").mkdir()
    assert find_folder(tmp_path, "set", (FILE,)) == tmp_path / "set"
    assert find_folder(tmp_path / "set", "set", (FILE,)) == tmp_path / "set"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a").touch()
    assert find_folder(tmp_path / "other", "set", (FILE,)) == tmp_path / "other"
