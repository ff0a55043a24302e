"""Progress of a command whose output is piped: a line where nothing was said for 30 s."""

import io

import pytest
from rich.console import Console

from analysis.inputs.progress_bar import ProgressLines, progress_bars


@pytest.mark.parametrize(("total", "line"), [(54, "blocks: 30/54"), (None, "blocks: 30")])
def test_a_line_says_how_far_it_is_every_30_seconds(total, line):
    seconds, lines = iter(range(1_000)), []  # each look at the clock is a second later
    advance = ProgressLines(lines.append, lambda: next(seconds))("blocks", total)
    for _ in range(30):
        advance()
    assert lines == [line]
    for _ in range(29):
        advance()
    assert len(lines) == 1
    advance()
    assert len(lines) == 2


def test_a_pipe_gets_lines_and_short_work_none():
    text = io.StringIO()
    with progress_bars(Console(file=text)) as progress:
        assert isinstance(progress, ProgressLines)
        progress("blocks", 1)()
    assert text.getvalue() == ""
