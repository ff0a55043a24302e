"""Signs of life: a line that counts in a terminal and is gone at the end, lines in time where output is piped."""

import io
import re
import threading

import pytest
from rich.console import Console

from resnet_lab.system.activity import activity


class Heard(io.StringIO):
    """A pipe that tells when its second line has come."""

    def __init__(self):
        super().__init__()
        self.second = threading.Event()

    def write(self, text):
        count = super().write(text)
        if self.getvalue().count("\n") == 2:
            self.second.set()
        return count


def test_a_pipe_gets_a_line_after_each_silence():
    pipe = Heard()
    with activity("auditing 8 networks", Console(file=pipe), silence_s=0.01):
        assert pipe.second.wait(30)
    assert re.fullmatch(r"(auditing 8 networks: \d+ s\n)+", pipe.getvalue())


def test_a_pipe_gets_nothing_of_short_work_nor_of_an_error():
    pipe = io.StringIO()
    with pytest.raises(KeyError), activity("auditing", Console(file=pipe)):
        raise KeyError
    assert pipe.getvalue() == ""


def test_a_terminal_shows_at_once_what_is_done_and_what_is_printed_stands_above():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with activity("writing [pages]", console):
        assert "writing [pages]" in screen.getvalue()
        console.print("a line")
    assert screen.getvalue().index("a line") > screen.getvalue().index("writing [pages]")
    _, hidden, after = screen.getvalue().rpartition("\x1b[?25h")
    assert hidden
    assert "\x1b[2K" in after  # the cursor is back and the line is gone


def test_a_json_on_stdout_stays_out_of_a_terminal_on_stderr(capsys):
    console = Console(file=io.StringIO(), force_terminal=True)
    with activity("writing", console):
        print("[]")
    assert capsys.readouterr().out == "[]\n"
    assert "[]" not in console.file.getvalue()
