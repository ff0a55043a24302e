"""The measurement of what blocks are at test: every way is there, and the ways are what they say."""

import pytest

from benchmarks.blocks_at_test import Options, errors, kinds, measure, spec_of, text
from resnet_lab.errors import UserError

TINY = Options(depth=8, blocks=1, steps=2, seeds=1)


def test_each_network_is_tested_in_four_ways():
    rows = measure(TINY)
    assert [(row.kind, row.scaled, row.recalibrated) for row in rows] == [
        (kind, scaled, again)
        for kind in ("effective blocks", "stochastic depth")
        for scaled in (False, True)
        for again in (False, True)
    ]
    assert len(text(rows).splitlines()) == 1 + len(rows)
    assert max(map(len, text(rows).splitlines())) <= 80


@pytest.mark.parametrize(("kind", "scaled"), [("effective blocks", False), ("stochastic depth", True)])
def test_one_of_the_ways_is_the_sessions_own_test(kind, scaled):
    import torch

    from resnet_lab.data.load import load
    from resnet_lab.engine.session import Session

    spec = spec_of(TINY, 0, kinds(TINY)[kind])
    session = Session(spec, load(spec.data), torch.device("cpu"))
    session.run_epoch()
    assert errors(session, scaled=scaled, recalibrated=False)[0] == session.test().error


def test_a_number_out_of_range_is_refused():
    with pytest.raises(UserError, match="--seeds 0"):
        Options(seeds=0)
