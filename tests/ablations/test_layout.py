"""The layout table against the figures of the papers, written out as text."""

import itertools

import pytest

from ablations.choices import ActPosition, NormPosition, Preactivation
from ablations.layout import TABLE, describe, layout_of, leading
from ablations.spec import BlockSpec

PAPER = {
    # He et al. 2015, fig. 5; He et al. 2016 (arXiv 1603.05027), fig. 4 a to e; Torch blog 2016: no ReLU after.
    (): ("c n a c n | a", "c n a c n a c n | a"),
    (("norm_position", "after_add"),): ("c n a c | n a", "c n a c n a c | n a"),
    (("act_position", "before_add"),): ("c n a c n a |", "c n a c n a c n a |"),
    (("preactivation", "relu_only"),): ("a c n a c n |", "a c n a c n a c n |"),
    (("preactivation", "full"),): ("n a c n a c |", "n a c n a c n a c |"),
    (("act_position", "none"),): ("c n a c n |", "c n a c n a c n |"),
    (("act_position", "none"), ("norm_position", "after_add")): ("c n a c | n", "c n a c n a c | n"),
    (("act_position", "before_add"), ("norm_position", "after_add")): ("c n a c a | n", "c n a c n a c a | n"),
}


@pytest.mark.parametrize(("switches", "expected"), PAPER.items(), ids=str)
def test_the_order_of_operations_is_the_papers(switches, expected):
    basic, bottleneck = expected
    assert describe(BlockSpec(**dict(switches))) == basic
    assert describe(BlockSpec(**dict(switches), kind="bottleneck")) == bottleneck


def test_without_a_norm_the_norms_go_and_nothing_else_moves():
    assert describe(BlockSpec(norm="none")) == "c a c | a"
    assert describe(BlockSpec(norm="none", act_position="before_add")) == "c a c a |"
    assert describe(BlockSpec(norm="none", preactivation="relu_only")) == "a c a c |"


def test_the_table_has_a_row_for_each_legal_placement_and_no_other(legal):
    assert set(TABLE) == {(spec.preactivation, spec.norm_position, spec.act_position) for spec in legal}


def test_no_two_rows_are_the_same_layout():
    assert len(set(TABLE.values())) == len(TABLE)


@pytest.mark.parametrize("placement", TABLE)
def test_every_layout_normalises_and_activates_as_often_as_the_baseline(placement):
    """Else an arm would differ in what it has, not in where it has it; only `act_position=none` drops something."""
    layout = TABLE[placement]
    for branch, convolutions in ((layout.basic, 2), (layout.bottleneck, 3)):
        operations = branch + layout.after
        dropped = placement[2] == ActPosition.NONE
        assert (operations.count("c"), operations.count("n")) == (convolutions, convolutions)
        assert operations.count("a") == convolutions - dropped
    assert set(layout.basic + layout.after + layout.stem + layout.head) <= set("cna")
    assert "c" not in layout.after + layout.stem + layout.head


@pytest.mark.parametrize("placement", TABLE)
def test_only_preactivation_nets_have_a_head_and_it_is_what_their_blocks_lead_with(placement):
    """He et al. 2016, section 3.2: the first block's lead is in the stem, one more follows the last addition."""
    layout = TABLE[placement]
    assert layout.stem == "na"
    assert layout.head == leading(layout.basic) == leading(layout.bottleneck)
    assert bool(layout.head) == (placement[0] != Preactivation.NONE)


@pytest.mark.parametrize("placement", TABLE)
def test_a_projection_is_normalised_exactly_where_its_sum_is_not(placement):
    """A norm after the addition would subtract the projection's shift again; full pre-activation adds raw sums."""
    layout = TABLE[placement]
    preactivation, norm_position, _ = placement
    bare = norm_position == NormPosition.AFTER_ADD or preactivation == Preactivation.FULL
    assert layout.projection == ("c" if bare else "cn")


def test_layout_of_reads_the_three_placement_switches_only(legal):
    def placement(spec):
        return spec.preactivation, spec.norm_position, spec.act_position

    for key, specs in itertools.groupby(sorted(legal, key=placement), key=placement):
        assert {layout_of(spec) for spec in specs} == {TABLE[key]}


@pytest.mark.parametrize(("operations", "lead"), [("cnacn", ""), ("acnacn", "a"), ("nacnac", "na")])
def test_leading_is_what_comes_before_the_first_convolution(operations, lead):
    assert leading(operations) == lead
