"""The main table for a paper (LaTeX) and for other programs (CSV)."""

import csv
import io
import math
import re
from collections.abc import Sequence

from analysis import arms, compare
from analysis.arms import ArmRow
from analysis.cells import field_cells, field_headers, number_cells, number_headers
from analysis.compare import Comparison

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
    numbers = number_headers(rows)
    lines = [
        "% needs \\usepackage{booktabs}",
        rf"\begin{{tabular}}{{{'l' * len(headers)}{'r' * len(numbers)}}}",
        r"\toprule",
        _line([*headers, *numbers]),
        r"\midrule",
    ]
    cells = zip(field_cells(rows, merged=False), number_cells(rows), strict=True)
    for index, (fields, values) in enumerate(cells):
        if index and rows[index - 1].context != rows[index].context:
            lines.append(r"\midrule")
        lines.append(_line([*fields, *values]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _line(cells: Sequence[str]) -> str:
    # A bracket at the head of a line would be read as the space after the line before.
    return " & ".join(_number(latex(cell)) for cell in cells) + r" \\"


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
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows([{name: _plain(value) for name, value in line.items()} for line in lines])
    return text.getvalue()


def _plain(value: object) -> object:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value
