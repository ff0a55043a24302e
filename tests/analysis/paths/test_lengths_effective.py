"""The shortest interval of lengths that carries a share of the spectrum."""

from hypothesis import given
from hypothesis import strategies as st

from analysis.paths.lengths import Effective, effective_lengths

MASSES = st.lists(st.floats(0, 1e6), min_size=1, max_size=12)


def test_known_intervals():
    assert effective_lengths([0, 1, 8, 1, 0], 0.8) == Effective(low=2, high=2, share=0.8)
    assert effective_lengths([1, 1, 1, 1], 0.5) == Effective(low=0, high=1, share=0.5)
    assert effective_lengths([0.0, 5.0], 0.95) == Effective(low=1, high=1, share=1.0)
    assert effective_lengths([0.0, 0.0]).share == 1.0


@given(MASSES)
def test_no_shorter_interval_carries_as_much(masses):
    found = effective_lengths(masses)
    width, whole = found.high - found.low + 1, sum(masses)
    assert sum(masses[found.low : found.high + 1]) >= (0.95 - 1e-9) * whole
    shorter = [sum(masses[low : low + width - 1]) for low in range(len(masses) - width + 2)]
    assert width == 1 or max(shorter) <= (0.95 + 1e-9) * whole
