"""Contents of a folder as text: written and read alike, and nothing else is read."""

import pytest

from resnet_lab.data.photographs.contents import Contents
from resnet_lab.errors import UserError


def test_contents_are_read_as_they_were_written() -> None:
    contents = Contents(classes=37, train=296, val=0, test=74, digest="0123456789ab")
    assert str(contents) == "37 classes, 296+0+74 images, 0123456789ab"
    assert Contents.parse(str(contents)) == contents


@pytest.mark.parametrize("text", ["", "cats", "37 classes, 296+0 images, 0123456789ab"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="filled in from the images"):
        Contents.parse(text)
