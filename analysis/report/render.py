"""A document as HTML and as Markdown. Whatever a user can name is text in both, never markup."""

import base64
import re
from pathlib import Path
from urllib.parse import quote

from analysis.report.document import Block, Code, Document, Files, Items, Link, Picture, Table, Text
from analysis.tables.fault_words import RED_SIGN

TEMPLATES = Path(__file__).parent / "templates"
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def to_html(document: Document) -> str:
    """Return one page that holds its style and figures and loads nothing."""
    return render_template("report.html.j2", document=document)


def render_template(name: str, **values: object) -> str:
    """Return a page of one of the templates; what it is given is text, never markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    return environment.get_template(name).render(**values)


def data_uri(path: Path) -> str:
    """Return an SVG as an address that holds it: inside an image nothing of it is run."""
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


def to_markdown(document: Document) -> str:
    """Return the document in Markdown; figures are named by their file in the same folder."""
    parts = [f"# {escape(document.title)}", escape(document.subtitle)]
    for section in document.sections:
        parts.append(f"## {escape(section.title)}")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(r"\\\1", text.replace("&", "&amp;")).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _block(block: Block) -> str:
    match block:
        case Text():
            sign = f"{RED_SIGN} " if block.red else ""
            return sign + "  \n".join(map(escape, block.text.splitlines()))
        case Table():
            return _table(block)
        case Picture():
            return f"![{escape(block.caption)}]({block.path.with_suffix('.png').name})"
        case Items():
            lines = [f"- **{escape(term)}**: {'; '.join(map(escape, text.splitlines()))}" for term, text in block.items]
            return "\n".join(lines)
        case Code():
            return "\n".join(f"    {line}" for line in block.text.splitlines())
        case Files():
            return f"{escape(block.label)}: {', '.join(f'[{escape(name)}]({quote(name)})' for name in block.names)}"
        case Link():
            address = re.sub(r"[()\s<>]", lambda match: f"%{ord(match[0]):02X}", block.address)
            return f"[{escape(block.label)}]({address})" if block.safe else escape(f"{block.label}: {block.address}")


def _table(table: Table) -> str:
    rule = ["---"] * table.left + ["---:"] * (len(table.headers) - table.left)
    rows = [[("**{}**" if i in table.strong and cell else "{}").format(cell) for cell in map(_cell, row)]
            for i, row in enumerate(table.rows)]  # fmt: skip
    for (i, column), address in table.links.items():
        rows[i][column] = f"[{rows[i][column]}]({quote(address, safe=':/#?=&%')})"
    for index in table.red:
        rows[index][0] = f"{RED_SIGN} {rows[index][0]}"
    lines = [[_cell(header) for header in table.headers], rule, *rows]
    return f"{escape(table.caption)}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return "<br>".join(escape(line.strip()) for line in text.splitlines())
