"""Progress output: lines where it is piped, a live view in a terminal."""

import io

import pytest
from rich.console import Console

from resnet_lab.runner.display import Lines, make_display
from resnet_lab.runner.identity import identify
from resnet_lab.runner.time_left import work_of
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial

RECORD = {"epoch": 2, "iteration": 78, "val/error": 12.5, "time/epoch_s": 10.0}


@pytest.fixture
def identity(tmp_path):
    spec = replace(RunSpec(), {"model.depth": 44, "recipe.iterations": 8 * 39, "seed": 1})
    names = ("model.block.norm_position", "model.block.act_position", "model.depth")
    return identify(Trial(root=tmp_path, spec=spec), names, {})


def play(trial, *, terminal):
    """Run through a trial's life and return what was printed."""
    stream = io.StringIO()
    display = make_display(Console(file=stream, force_terminal=terminal, width=80))
    display.begin(total=8, done=3)
    display.started(trial, 1)
    display.epoch(trial, RECORD)
    if terminal:
        display._live.refresh()
    display.failed(trial, "killed by signal 9", again=True)
    display.started(trial, 2)
    display.finished(trial, {"test/error": 4.25, "time/train_s": 30.0})
    display.end()
    return stream.getvalue()


def test_a_trial_is_named_by_what_varies(identity):
    assert identity.label == "norm=before act=after d=44 s1"


def test_piped_output_is_plain_lines(identity):
    lines = play(identity, terminal=False).splitlines()
    assert lines == [
        "8 trials, 3 done already",
        "failed: norm=before act=after d=44 s1: killed by signal 9; trying again",
        "attempt 2: norm=before act=after d=44 s1",
        "4/8  norm=before act=after d=44 s1  test error 4.25 %  30 s",
    ]


def test_a_terminal_shows_epoch_error_and_time_left(identity):
    shown = play(identity, terminal=True)
    assert "3/8" in shown
    assert "4/8" in shown
    assert "3/8        12.50  1:00" in shown  # epoch 3 of 8, six of ten seconds each to go
    assert "last: norm=before act=after d=44 s1  test error 4.25 %" in shown


def test_silence_is_broken_after_half_a_minute_with_where_the_trials_stand(identity):
    stream, now = io.StringIO(), [0.0]
    display = Lines(Console(file=stream, width=80), clock=lambda: now[0])
    display.begin(total=8, done=3, work=work_of(identity.trial.spec))
    display.started(identity, 1)
    now[0] = 20.0
    display.epoch(identity, RECORD)
    display.tick()
    assert len(stream.getvalue().splitlines()) == 1
    now[0] = 30.0
    display.tick()
    said = stream.getvalue().splitlines()[1]
    assert said == "3/8, 0:30 gone, about 2 min left: norm=before act=after d=44 s1 epoch 3/8"
    display.tick()
    assert len(stream.getvalue().splitlines()) == 2


@pytest.mark.parametrize("width", [80, 200])
def test_a_terminal_shows_the_arms_so_far_and_uses_its_width(identity, width):
    stream = io.StringIO()
    display = make_display(Console(file=stream, force_terminal=True, width=width))
    display.begin(total=8, done=1)
    display.found(identity, {"test/error": 4.0})
    display.started(identity, 1)
    display.finished(identity, {"test/error": 5.0, "time/train_s": 30.0})
    display.started(identity, 1)
    display._live.refresh()
    display.end()
    shown = stream.getvalue()
    assert "norm=before act=after d=44  2" in shown
    assert "4.50" in shown
    beside = [line for line in shown.splitlines() if "s1" in line and "4.50" in line]
    assert bool(beside) == (width == 200)


def test_a_trial_found_complete_on_disk_was_never_started_here(identity):
    """The driver records such trials before the view begins."""
    display = make_display(Console(file=io.StringIO(), force_terminal=True, width=80))
    display.epoch(identity, RECORD)


def test_a_trial_of_a_faulty_protocol_is_named_so_and_in_red(tmp_path):
    spec = replace(RunSpec(), {"protocol.validation": "test"})
    faulty = identify(Trial(root=tmp_path, spec=spec), ("model.depth",), {})
    assert faulty.label == "d=20 faulty: validation=test s0"
    assert faulty.tags["protocol"] == "faulty: validation=test"
    among = identify(Trial(root=tmp_path, spec=RunSpec()), ("model.depth", "protocol.validation"), {})
    assert (among.label, among.faults) == ("d=20 correct s0", "")
    assert "protocol" not in among.tags
    printed = play(faulty, terminal=True)
    assert "\x1b[31mfailed: d=20 faulty: validation=test s0" in printed


def test_a_fleet_shows_nodes_and_their_trials(identity):
    """In a terminal a column, ordered by node; in a pipe at the end of a trial's line; and what happens to nodes."""
    names = ("model.block.norm_position", "model.block.act_position", "model.depth")
    other = identify(Trial(root=identity.trial.root, spec=replace(identity.trial.spec, {"seed": 2})), names, {})
    for terminal in (True, False):
        file = io.StringIO()
        display = make_display(Console(file=file, force_terminal=terminal, width=100, height=20))
        display.begin(total=8, done=0)
        display.started(identity, 1, "node n2")
        display.started(other, 1, "node n1 GPU 0")
        display.note("node n3 was lost: no answer for 15 s")
        shown = _rendered(display) if terminal else ""
        display.finished(identity, {"test/error": 4.25, "time/train_s": 30.0})
        display.end()
        printed = file.getvalue()
        assert "node n3 was lost: no answer for 15 s" in printed
        if terminal:
            assert "where" in shown
            assert shown.index("node n1 GPU 0") < shown.index("node n2")
        else:
            assert "1/8  norm=before act=after d=44 s1  test error 4.25 %  30 s  node n2" in printed


def _rendered(display):
    file = io.StringIO()
    Console(file=file, width=100).print(display._render())
    return file.getvalue()


def test_at_the_end_the_arms_stand_alone_in_the_order_of_their_numbers(tmp_path):
    display = make_display(Console(file=io.StringIO(), force_terminal=True, width=100, height=20))
    display.begin(total=2, done=0, work=2.0)
    for depth in (14, 8):
        trial = identify(Trial(root=tmp_path, spec=replace(RunSpec(), {"model.depth": depth})), ("model.depth",), {})
        display.started(trial, 1)
        display.finished(trial, {"test/error": 4.25, "time/train_s": 30.0})
    shown = _rendered(display)
    display.end()
    assert shown.index("d=8 ") < shown.index("d=14 ")
    assert "epoch" not in shown
    assert "left" not in shown
