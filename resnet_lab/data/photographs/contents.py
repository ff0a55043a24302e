"""Contents of images of one's own as text, part of a run's spec: counts, shape and a digest. Imports no torch."""

import re
from dataclasses import dataclass

from resnet_lab.errors import UserError

_TEXT = re.compile(r"(\d+) classes, (\d+)\+(\d+)\+(\d+) images(?: of (\d+)x\5x(\d+))?, ([0-9a-f]{12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Classes, readable images of train, val and test (all are `train` where there are no such parts), and a digest.

    The digest, 12 hex digits, is of the names and contents of these images. `side` and `channels` are those of arrays,
    0 of a folder's files, which have any shape.
    """

    classes: int
    train: int
    val: int
    test: int
    digest: str
    side: int = 0
    channels: int = 0

    def __str__(self) -> str:
        shape = f" of {self.side}x{self.side}x{self.channels}" if self.side else ""
        return f"{self.classes} classes, {self.train}+{self.val}+{self.test} images{shape}, {self.digest}"

    @classmethod
    def parse(cls, text: str) -> "Contents":
        """Read what `str` wrote. Raises UserError."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise UserError(f"data.contents={text!r} is filled in from the images: leave it out")
        classes, train, val, test, side, channels = (int(number or 0) for number in found.groups()[:6])
        return cls(classes=classes, train=train, val=val, test=test, side=side, channels=channels, digest=found[7])
