"""A real SQLite store for every test: made once per session (tests/conftest.py), copied into each test's folder."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from resnet_lab.tracking import DatasetRecord, Tracker


@pytest.fixture
def out(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder that holds an empty database; the name has a space in it, as users' folders do."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "my runs"
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    return folder


@pytest.fixture
def tracker(out: Path) -> Tracker:
    return Tracker.open(out, "bn_placement")


@pytest.fixture
def digits() -> DatasetRecord:
    return DatasetRecord(name="digits", digest="0123456789abcdef" * 4, source="scikit-learn", context="train")


class Saved(NamedTuple):
    checkpoint: Path
    config: Path


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """A checkpoint with its digest next to it, and a config."""
    checkpoint, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    checkpoint.write_bytes(b"weights")
    Path(f"{checkpoint}.sha256").write_text("digest")
    config.write_text('{"seed": 0}')
    return Saved(checkpoint, config)
