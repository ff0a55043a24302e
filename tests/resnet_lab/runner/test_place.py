"""The place of a launch: a folder or database that was deleted, moved or made again ends the launch with one line."""

import shutil
from pathlib import Path

import pytest

from resnet_lab.errors import UserError
from resnet_lab.runner.place import Place
from resnet_lab.trials.trial import Trial
from tests.specs import TINY


@pytest.fixture
def out(tmp_path):
    (tmp_path / "runs" / "trials").mkdir(parents=True)
    (tmp_path / "runs" / "mlflow.db").touch()
    return tmp_path / "runs"


def replace_folder(out):
    shutil.copytree(out, out.with_name("copy"))
    out.rename(out.with_name("old"))
    out.with_name("copy").rename(out)


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda out: (out / "mlflow.db").unlink(),
        lambda out: shutil.rmtree(out / "trials"),
        lambda out: out.rename(out.with_name("elsewhere")),
        replace_folder,
    ],
    ids=["deleted", "a database deleted", "its trials deleted", "moved", "made again"],
)
def test_what_is_gone_is_told_in_one_line(out, damage):
    place = Place.of([Trial(root=out / "trials", spec=TINY)])
    place.require()
    damage(out)
    assert not place.is_there
    with pytest.raises(UserError, match="was deleted or moved in mid-run"):
        place.require()


def test_a_file_server_that_does_not_answer_is_no_deleted_folder(out, monkeypatch):
    place = Place.of([Trial(root=out / "trials", spec=TINY)])
    monkeypatch.setattr(Path, "stat", lambda _: (_ for _ in ()).throw(OSError(116, "Stale file handle")))
    assert place.is_there


def test_a_launch_of_no_trial_has_nothing_to_watch():
    Place.of([]).require()
