"""Contents of an image folder as text, which is part of a run's spec: counts and a digest. Imports no torch."""

import re
from dataclasses import dataclass

from resnet_lab.errors import UserError

_TEXT = re.compile(r"(\d+) classes, (\d+)\+(\d+)\+(\d+) images, ([0-9a-f]{12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Classes, readable images of train/, val/ and test/ (all are `train` without such folders), and a digest.

    The digest, 12 hex digits, is of the names and contents of these images.
    """

    classes: int
    train: int
    val: int
    test: int
    digest: str

    def __str__(self) -> str:
        return f"{self.classes} classes, {self.train}+{self.val}+{self.test} images, {self.digest}"

    @classmethod
    def parse(cls, text: str) -> "Contents":
        """Read what `str` wrote. Raises UserError."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise UserError(f"data.contents={text!r} is filled in from --data-dir: leave it out")
        classes, train, val, test = map(int, found.groups()[:4])
        return cls(classes=classes, train=train, val=val, test=test, digest=found[5])
