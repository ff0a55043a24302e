"""Listing: class folders at any depth, train/ and test/, and folders that are no data set."""

from pathlib import Path

import pytest

from resnet_lab.data.photographs.listing import Part, list_folder
from resnet_lab.errors import UserError
from tests.resnet_lab.data.photographs.conftest import CLASSES, write_image


def test_each_folder_is_a_class_and_what_is_no_image_is_passed_over(folder: Path) -> None:
    listing = list_folder(folder)
    assert listing.classes == CLASSES
    assert len(listing.files) == 30
    assert [file.name for file in listing.files] == sorted(file.name for file in listing.files)
    assert {file.part for file in listing.files} == {Part.TRAIN}
    assert {listing.classes[file.label] for file in listing.files if file.name == "owl/inner/9.bmp"} == {"owl"}


def test_parts_are_folders_of_their_own(tmp_path: Path) -> None:
    for index, name in enumerate(["train/a/1.png", "train/b/1.png", "val/a/2.png", "test/b/3.png"]):
        write_image(tmp_path / name, index)
    listing = list_folder(tmp_path)
    assert [listing.count(part) for part in Part] == [2, 1, 1]
    assert listing.classes == ("a", "b")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no class"),
        (["1.png", "2.png"], "holds no class"),
        (["a/1.png"], "holds one class, a:"),
        (["train/a/1.png", "train/b/1.png", "test/c/1.png"], "has no image of c, which other parts have"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused_with_the_remedy(
    files: list[str], message: str, tmp_path: Path
) -> None:
    for index, name in enumerate(files):
        write_image(tmp_path / name, index)
    with pytest.raises(UserError, match=message):
        list_folder(tmp_path)
