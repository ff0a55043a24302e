"""Switches of a residual block: values, default, meaning and source of each, for `python -m ablations`."""

import ast
import inspect
import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import get_type_hints

from ablations.spec import BlockSpec
from resnet_lab.listings.output import JsonOption, Row, print_entries, print_json
from resnet_lab.spec.fields import choices, field_types, flatten
from resnet_lab.system.command import parse, reporting

PREFIX = "model.block."
_AUTHORS = r"[A-Z][\w-]+(?: et al\.| and [A-Z][\w-]+) (?:19|20)\d\d|Torch blog (?:19|20)\d\d"
_PLACE = r"(?:, (?:sections?|figs?\.|tables?) \d[\w.]*(?:(?:, | and )\d[\w.]*)*)?"
_SOURCE = re.compile(rf"(?:arXiv \d{{4}}\.\d{{4,5}}|{_AUTHORS}){_PLACE}")


def main(argv: Sequence[str] | None = None) -> None:
    """List the switches of a block. Exits with 2 for a mistake of the user's."""
    with reporting():
        description = "The switches of a residual block: values, defaults and sources."
        options = parse(JsonOption, prog="python -m ablations", description=description, argv=argv)
        rows = switches()
        if options.json:
            print_json(rows)
        else:
            print_entries([_entry(row) for row in rows])


def switches() -> list[Row]:
    """Return a row for each switch: its dotted name, values (or the kind of its number), default, meaning, sources."""
    defaults, meanings = flatten(BlockSpec()), field_docstrings(BlockSpec)
    return [
        {
            "name": PREFIX + name,
            "values": list(choices(PREFIX + name)) or number_range(BlockSpec, name),
            "default": default,
            "meaning": meanings[name],
            "sources": sources(meanings[name]),
        }
        for name, default in defaults.items()
    ]


def number_range(cls: type, name: str) -> str:
    """Return what a field of a number takes in words, such as `a float above 0, below 1`."""
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "to"}
    kind = get_type_hints(cls, include_extras=True)[name]
    bounds = [bound for field in getattr(kind, "__metadata__", ()) for bound in field.metadata]
    limits = [f"{words[key]} {value:g}" for bound in bounds for key, value in asdict(bound).items() if key in words]
    number = "an int" if field_types(cls)[name] is int else "a float"
    return " ".join([number, ", ".join(limits)]).strip()


def sources(text: str) -> list[str]:
    """Return the publications that a text names, such as `He et al. 2016, fig. 4b` or `arXiv 1709.01507`."""
    return list(dict.fromkeys(match[0].rstrip(".,") for match in _SOURCE.finditer(text)))


def field_docstrings(cls: type) -> dict[str, str]:
    """Return {field: the docstring that follows it} of a dataclass, from its source, in one line each."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _entry(row: Row) -> tuple[str, dict[str, str]]:
    values = row["values"]
    listed = values if isinstance(values, str) else ", ".join(map(_plain, values))
    texts = {"values": listed, "default": _plain(row["default"]), "meaning": row["meaning"]}
    return row["name"], texts | {"source": "; ".join(row["sources"])}


def _plain(value: object) -> str:
    """Return a value as a command line takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
