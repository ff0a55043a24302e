"""Ways in which a file goes bad, and what every complaint about one must look like."""

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
        sentence = str(caught.value)
        assert sentence.startswith(f"{path} "), sentence
        assert "\n" not in sentence
        assert "put the official file there, or give --data-dir" in sentence
        return sentence

    return check
