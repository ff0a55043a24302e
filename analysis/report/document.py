"""A report before it has a format: sections of blocks that hold plain text. The renderers escape it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; a note is set smaller, under the table or figure it explains; what warns is in red."""

    text: str
    note: bool = False
    red: bool = False
    kind: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text cells; a line break in a cell is kept."""

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int
    """Columns from the left that are text; the others are numbers, set to the right."""
    strong: frozenset[int] = frozenset()
    """Rows to stress: the baselines."""
    breaks: frozenset[int] = frozenset()
    """Rows above which a line is drawn: a new context begins."""
    red: frozenset[int] = frozenset()
    """Rows in red: of trials whose protocol is not correct."""
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """Addresses of cells, by row and column: a path relative to the page, or one of `Link.safe`."""
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure by its SVG file."""

    path: Path
    caption: str
    is_lead: bool = False
    """Whether the page opens with it, at full width."""
    kind: str = "picture"


@dataclass(frozen=True, slots=True)
class Items:
    """Terms with their descriptions; a line break is kept."""

    items: Sequence[tuple[str, str]]
    kind: str = "items"


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be typed, or identifiers to be compared: set verbatim."""

    text: str
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class Link:
    """An address on the reader's own machine; only http and https become links."""

    label: str
    address: str
    kind: str = "link"

    @property
    def safe(self) -> bool:
        return is_web(self.address)


def is_web(address: str) -> bool:
    """Whether an address is one of the web: whatever a user can name may be another, such as a script."""
    return address.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class Files:
    """Files that lie next to the page, by their names."""

    label: str
    names: Sequence[str]
    kind: str = "files"


Block = Text | Table | Picture | Items | Code | Link | Files


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The whole report. Sections without blocks are left out by whoever makes it."""

    title: str
    subtitle: str
    sections: Sequence[Section] = field(default_factory=tuple)
