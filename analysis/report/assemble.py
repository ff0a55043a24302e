"""Assembly of a report: sections of blocks, figures by their place, one page in two formats."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.report.document import Block, Document, Picture, Section
from analysis.report.render import to_html, to_markdown
from resnet_lab.system import atomic

Parts = Mapping[str, list[Iterable[Block]]]
"""What makes each section, by its title."""


def sections(parts: Parts) -> list[Section]:
    """Return the sections that have blocks."""
    every = [Section(title, [block for part in blocks for block in part]) for title, blocks in parts.items()]
    return [section for section in every if section.blocks]


def picture(captions: Mapping[str, str], folder: Path, name: str, *, is_lead: bool = False) -> Iterator[Block]:
    """Yield the figure of that name, if it was drawn; the page opens with the one that leads."""
    path = folder / f"{name}.svg"
    if path.exists():
        yield Picture(path, captions[name], is_lead)


def now() -> str:
    """Return the time as reports print it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def write_document(document: Document, folder: Path, tables: Mapping[str, str]) -> list[Path]:
    """Write report.html, report.md and the tables, text by name; return the paths."""
    contents = {"report.html": to_html(document), "report.md": to_markdown(document), **tables}
    for name, text in contents.items():
        atomic.write(folder / name, text.encode())
    return [folder / name for name in contents]


def write_launch(launch: Mapping[str, Any], folder: Path) -> None:
    """Write launch.json: what the last launch knew; nothing where that is not known."""
    if launch:
        atomic.write_json(folder / "launch.json", launch)
