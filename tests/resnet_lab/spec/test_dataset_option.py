"""Choice of images by one text."""

from pathlib import Path

import pytest

from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec
from resnet_lab.spec.dataset_option import chosen_images, report_name


@pytest.mark.parametrize(
    ("text", "name", "place"),
    [
        ("mnist", "mnist", None),
        ("folder:my/photos", "folder", Path("my/photos")),
        ("npz:a:b.npz", "arrays", Path("a:b.npz")),
        ("json:loads", "json:loads@", None),
    ],
    ids=["a set", "folder", "file", "callable"],
)
def test_a_text_names_a_set_and_its_place(text: str, name: str, place: Path | None) -> None:
    found, where = chosen_images(text, None)
    assert str(found).startswith(name)
    assert where == place


@pytest.mark.parametrize(
    ("text", "data_dir", "said"),
    [
        ("mnst", None, "perhaps you meant mnist"),
        ("tests", None, "write folder:tests or npz:tests"),
        ("npz:", None, "names no place"),
        ("npz:a.npz", Path("b"), "leave out --data-dir"),
        ("no_such_module:load", None, "there is no module 'no_such_module'"),
    ],
    ids=["typo", "a path", "no place", "two places", "no module"],
)
def test_what_names_no_set_is_refused_with_the_remedy(text: str, data_dir: Path | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        chosen_images(text, data_dir)


def test_reports_of_different_images_have_different_names() -> None:
    assert report_name(DataSpec(name=DatasetName.DIGITS)) == "digits"
    contents = "3 classes, 60+0+0 images of 8x8x1, 0123456789ab"
    assert report_name(DataSpec(name=DatasetName.ARRAYS, contents=contents)) == "arrays_012345"
