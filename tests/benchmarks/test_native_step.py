"""The benchmark measures what it says; its ratio is for quiet machines."""

import pytest

from benchmarks.native_step import Options, _sessions, measure, table
from resnet_lab.errors import UserError


def test_both_sides_take_the_same_steps():
    native, plain = _sessions(Options(dataset="digits", depth=8))
    assert native.kernels == "native"
    assert plain.kernels.startswith("torch: deterministic")
    ours, theirs = (session._train_until(20)[0] for session in (native, plain))
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert ours != theirs  # two ways to the same sums round differently


def test_the_line_fits_a_terminal():
    result = measure(Options(dataset="digits", depth=8, rounds=1))
    assert result["ratio"] > 0
    assert len(table(result)) <= 80


def test_an_option_out_of_range_is_refused():
    with pytest.raises(UserError, match="--rounds 0"):
        Options(rounds=0)
