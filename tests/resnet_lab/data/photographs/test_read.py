"""Photographs as data: split, sizes, what is left out, the identity of a folder, and its real sample."""

import shutil
from pathlib import Path

import pytest
import torch

from resnet_lab.data.catalog import info_of
from resnet_lab.data.load import ensure, load, resolve
from resnet_lab.errors import UserError
from resnet_lab.spec import DataSpec
from tests.conftest import SHARED
from tests.resnet_lab.data.photographs.conftest import CLASSES, write_image

SMALL = {"name": "folder", "size": 14}


def test_a_folder_is_split_with_each_class_in_proportion(folder: Path) -> None:
    spec = resolve(DataSpec(**SMALL), folder)
    assert spec.contents.startswith("3 classes, 30+0+0 images, ")
    info, data = info_of(spec), load(spec, folder)
    assert (info.train, info.val, info.test) == (19, 5, 6) == (len(data.train), len(data.val), len(data.test))
    assert data.test.labels.bincount().tolist() == [2, 2, 2]
    assert sorted(data.train.labels.bincount().tolist()) == [6, 6, 7]
    assert data.class_names == CLASSES
    assert (data.size, data.margin, data.train.pixels.shape[1]) == (14, 1, 16)
    whole = torch.cat([part.pixels for part in (data.train, data.val, data.test)]).flatten(1)
    assert len(whole.unique(dim=0)) == 30, "no image is in two parts"


def test_the_split_follows_its_seed_and_shares(folder: Path) -> None:
    first, again, other = (load(DataSpec(**SMALL, split=split), folder) for split in (0, 0, 1))
    assert first.sha256 == again.sha256 != other.sha256
    assert torch.equal(first.test.pixels, other.test.pixels), "the test images stay"
    assert not torch.equal(first.val.pixels, other.val.pixels)
    halves = load(DataSpec(**SMALL, val_share=0.5, test_share=0.4), folder)
    assert [len(part) for part in (halves.train, halves.val, halves.test)] == [9, 9, 12]


def test_parts_of_the_folder_itself_are_kept(tmp_path: Path) -> None:
    for index in range(8):
        write_image(tmp_path / "own" / "train" / "ab"[index % 2] / f"{index}.png", index)
        write_image(tmp_path / "own" / "test" / "ab"[index % 2] / f"{index}.png", 10 + index)
    data = load(DataSpec(**SMALL, val_share=0.25), tmp_path / "own")
    assert [len(part) for part in (data.train, data.val, data.test)] == [6, 2, 8]


def test_files_that_hold_no_image_are_left_out_named_and_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "cat" / "0.png").write_bytes(b"no image")
    (folder / "owl" / "6.jpg").write_bytes(b"")
    spec = resolve(DataSpec(**SMALL), folder)
    ensure(spec, folder)
    said = capsys.readouterr().err
    assert f"2 of 30 files in {folder} hold no image and are left out:" in said
    assert "cat/0.png: cannot identify image file" in said
    assert "owl/6.jpg: " in said
    data = load(spec, folder)
    assert len(data.unreadable) == 2
    assert len(data.train) + len(data.val) + len(data.test) == 28


def test_a_class_without_any_image_is_refused(folder: Path) -> None:
    for path in (folder / "dog").rglob("*.*"):
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match="no image of dog can be read"):
        ensure(DataSpec(**SMALL), folder)


def test_a_run_is_of_the_folder_it_was_begun_with(folder: Path) -> None:
    spec = resolve(DataSpec(**SMALL), folder)
    write_image(folder / "owl" / "new.png", 77)
    with pytest.raises(UserError, match=r"holds 3 classes, 31\+0\+0 images, .* but the run is of 3 classes, 30\+0\+0"):
        load(spec, folder)


def test_equal_folders_are_one_data_set_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    first, second = (resolve(DataSpec(**SMALL), where) for where in (folder, tmp_path / "copy"))
    assert first == second


@pytest.mark.parametrize(("share", "part"), [("val_share", "validation"), ("test_share", "test")])
def test_a_part_without_images_is_refused(share: str, part: str, folder: Path) -> None:
    with pytest.raises(UserError, match=f"folder has 0 {part} images: set data.val_share"):
        ensure(DataSpec(**SMALL, **{share: 0.0}), folder)


def test_a_folder_that_nobody_named_is_asked_for() -> None:
    with pytest.raises(UserError, match=r"data\.name=folder needs --data-dir"):
        ensure(DataSpec(name="folder"))
    with pytest.raises(UserError, match=r"data\.name=folder needs --data-dir"):
        info_of(DataSpec(name="folder"))


def test_the_real_pets_sample_loads() -> None:
    sample = SHARED / "oxford-pets-sample"
    if not sample.is_dir():
        pytest.skip(f"the sample of pets is not here: there is no {sample}")
    spec = resolve(DataSpec(name="folder", size=64), sample)
    data = load(spec, sample)
    assert spec.contents == "37 classes, 370+0+0 images, f01b3ce65980"
    assert data.test.labels.bincount().tolist() == [2] * 37
    assert data.class_names[:2] == ("Abyssinian", "Bengal")
    assert not data.unreadable
