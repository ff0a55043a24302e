"""The main table for a paper (LaTeX) and for other programs (CSV)."""

import csv
import io
import re
from collections.abc import Mapping, Sequence

from analysis.comparison import arms, compare
from analysis.comparison.arms import ArmRow
from analysis.comparison.compare import Comparison
from analysis.results.plain import none_if_nan
from analysis.tables.cells import context_breaks, field_cells, field_headers, number_cells, number_headers
from analysis.tables.fault_words import faulty_rows

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def to_latex(rows: Sequence[ArmRow]) -> str:
    """Return a tabular for the package booktabs: arms with intervals, paired differences, corrected p."""
    headers = field_headers(rows, merged=False)
    cells = zip(field_cells(rows, merged=False), number_cells(rows), strict=True)
    breaks = context_breaks([row.context for row in rows])
    lines = [fields + values for fields, values in cells]
    return tabular([*headers, *number_headers(rows)], lines, len(headers), breaks, faulty_rows(rows))


def tabular(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int,
    breaks: frozenset[int] = frozenset(),
    red: frozenset[int] = frozenset(),
) -> str:
    """Return rows of text as a tabular: `left` columns of text, then numbers; a rule above the rows in `breaks`."""
    lines = [
        "% needs \\usepackage{booktabs}" + (" and \\usepackage{xcolor}" if red else ""),
        rf"\begin{{tabular}}{{{'l' * left}{'r' * (len(headers) - left)}}}",
        r"\toprule",
        _line(headers),
        r"\midrule",
    ]
    for index, row in enumerate(rows):
        line = _line(row, r"\textcolor{red}{%s}" if index in red else "%s")
        lines += [r"\midrule", line] if index in breaks else [line]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _line(cells: Sequence[str], form: str = "%s") -> str:
    # A bracket at the head of a line would be read as the space after the line before.
    return " & ".join(form % _number(latex(cell)) for cell in cells) + r" \\"


def latex(text: str) -> str:
    """Return text that LaTeX sets as it is."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)


def _number(cell: str) -> str:
    """Give a minus its length and keep an interval together."""
    signed = re.sub(r"(?<![\w.])([+-])(?=\d)", r"$\1$", cell)
    return signed.replace(" [", "~[")


def to_csv(rows: Sequence[ArmRow], comparisons: Sequence[Comparison]) -> str:
    """Return every number of every arm, with that of its comparison; empty where not defined."""
    against = {id(each.row): compare.as_dict(each) for each in comparisons}
    lines = []
    for row in rows:
        lines.append({**arms.as_dict(row), "reasons": "; ".join(row.reasons), **against.get(id(row), {})})
    return csv_text(lines)


def csv_text(lines: Sequence[Mapping[str, object]]) -> str:
    """Return rows as CSV with a column for every name of any of them; empty where a row has none, or nan."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        [{name: "" if none_if_nan(value) is None else _inert(value) for name, value in line.items()} for line in lines]
    )
    return text.getvalue()


def _inert(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: text that begins as one gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
