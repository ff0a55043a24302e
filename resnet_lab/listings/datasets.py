"""Data sets: size, classes, split, and whether each is at hand, for `python -m resnet_lab.data`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from resnet_lab.data.catalog import CATALOG
from resnet_lab.errors import UserError
from resnet_lab.listings.output import JsonOption, Row, print_json, print_table
from resnet_lab.spec import DatasetName
from resnet_lab.system.cache import cache_dir
from resnet_lab.system.command import parse, reporting

NUMBERS = ("channels", "pixels", "classes", "train", "val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(JsonOption):
    """Options of the listing."""

    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder to look in for files. Default: the cache, which downloads go to."""


def main(argv: Sequence[str] | None = None) -> None:
    """List the data sets; nothing is downloaded. Exits with 2 for a mistake of the user's."""
    with reporting():
        description = "The data sets: size, classes, split, and whether they are at hand. Nothing is downloaded."
        options = parse(Options, prog="python -m resnet_lab.data", description=description, argv=argv)
        rows = data_sets(options.data_dir)
        if options.json:
            print_json(rows)
        else:
            print_table([_short(row) for row in rows], numbers=NUMBERS)
            print(f"\nlooked for in {options.data_dir or cache_dir('data')}: --data-dir names another folder")


def data_sets(data_dir: Path | None = None) -> list[Row]:
    """Return a row for each set: channels, side in pixels, counts of classes and images, and whether it is at hand.

    `problem` is None where it is, or says what is missing or damaged. Every file is verified.
    """
    return [{"name": name.value, **asdict(info), **at_hand(name, data_dir)} for name, info in CATALOG.items()]


def at_hand(name: DatasetName, data_dir: Path | None) -> Row:
    """Return whether a set's files are there and intact, without downloading them, and what the problem is if not."""
    from resnet_lab.data import sources

    folder = data_dir or cache_dir("data")
    where = None if name == DatasetName.DIGITS else str(folder)
    try:
        if where is not None and not folder.is_dir():
            raise UserError(f"the folder {folder} does not exist")
        sources.verify(name, folder)
    except UserError as error:
        return {"at_hand": False, "folder": where, "problem": str(error)}
    return {"at_hand": True, "folder": where, "problem": None}


def _short(row: Row) -> Row:
    """Return a row as the table shows it."""
    pixels = f"{row['size']} x {row['size']}"
    hand = "built in" if row["folder"] is None else row["at_hand"]
    counts = {name: row[name] for name in ("classes", "train", "val", "test")}
    return {"name": row["name"], "channels": row["channels"], "pixels": pixels, **counts, "at hand": hand}
