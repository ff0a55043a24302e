"""Fixtures of damaged files, and the check of every error message about one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from resnet_lab.errors import UserError


def _remove(path: Path) -> None:
    path.unlink()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.fixture(params=[_remove, _truncate, _lengthen, _empty, _flip_a_byte, _make_a_folder])
def damage(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Damage a file in one of the usual ways."""
    return request.param  # type: ignore[no-any-return]  # pytest types it Any


@pytest.fixture
def complaint() -> Callable[[Path, Callable[[], object]], str]:
    """Return what calling something says about a file: one line that names the file and the remedy."""

    def check(path: Path, call: Callable[[], object]) -> str:
        with pytest.raises(UserError) as caught:
            call()
        message = str(caught.value)
        assert message.startswith(f"{path} "), message
        assert "\n" not in message
        assert "put the official file there, or give --data-dir" in message
        return message

    return check
