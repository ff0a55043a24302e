"""The file of pre-trained weights: its content is part of the run."""

from pathlib import Path

import pytest

from resnet_lab.errors import UserError
from resnet_lab.interchange.weights import file_of, resolve_weights


def test_a_file_is_named_with_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"one")
    by_folder, by_file = resolve_weights(str(tmp_path)), resolve_weights(str(tmp_path / "model.safetensors"))
    assert by_folder == by_file == resolve_weights(by_file)
    assert by_file.startswith(f"{tmp_path}/model.safetensors#")
    assert file_of(by_file) == tmp_path / "model.safetensors"
    monkeypatch.chdir(tmp_path)
    assert resolve_weights("model.safetensors") == by_file


def test_another_content_is_another_run(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"one")
    before = resolve_weights(str(path))
    path.write_bytes(b"two")
    assert resolve_weights(str(path)) != before
    with pytest.raises(UserError, match="has changed: its SHA-256 begins with"):
        file_of(before)


@pytest.mark.parametrize("weights", ["none", "torchvision"])
def test_names_stay(weights: str) -> None:
    assert resolve_weights(weights) == weights


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no file: give none, torchvision, or the path of a checkpoint"):
        resolve_weights(str(tmp_path / "nowhere.pth"))
