"""Claims of a study: to which cells of a plan they refer, and which are mistakes."""

import dataclasses

import pytest

from analysis.results.claim import Claim, ClaimKind
from resnet_lab.errors import UserError
from studies.bn_placement import STUDY
from studies.plan.claims import claims_of, equivalent, require_claims, unanswerable, worse_than
from studies.plan.exclusions import Merged
from studies.plan.options import Options
from studies.plan.plan import make_plan

NORM, ACT, DEPTH = "model.block.norm_position", "model.block.act_position", "model.depth"


def plan_of(*claims, **options):
    study = dataclasses.replace(STUDY, claims=claims)
    return make_plan(study, Options(assignments=("model.depth=8,14",), **options))


def cells(*claims, **options):
    """Return both cells of every claim of a plan, by their values: depth, norm, act."""
    found = claims_of(plan_of(*claims, **options))
    return [(tuple(claim.arm.values()), tuple(claim.baseline.values())) for claim in found]


def test_what_a_claim_does_not_name_is_the_baselines_and_it_holds_in_every_context():
    after = ("after_add", "after_add")
    assert cells(worse_than({NORM: "after_add"})) == [
        ((8, *after), (8, "before_add", "after_add")),
        ((14, *after), (14, "before_add", "after_add")),
    ]


def test_a_context_that_one_side_names_is_that_of_both_and_two_may_be_compared():
    none = ("before_add", "none")
    assert cells(equivalent({ACT: "none", DEPTH: 14}, margin=0.5)) == [((14, *none), (14, "before_add", "after_add"))]
    assert cells(worse_than({ACT: "none"}, {DEPTH: 14})) == [((14, *none), (14, "before_add", "after_add"))]
    deeper = worse_than({ACT: "none", DEPTH: 14}, {ACT: "none", DEPTH: 8}, by=1.0)
    assert cells(deeper) == [((14, *none), (8, *none))]


def test_a_claim_on_a_cell_that_the_plan_lacks_is_not_asked():
    claim = worse_than({NORM: "after_add", DEPTH: 110})
    plan = plan_of(claim, worse_than({NORM: "after_add"}))
    assert unanswerable(plan) == [claim]
    assert len(claims_of(plan)) == 2
    moved = dataclasses.replace(STUDY, claims=(equivalent({ACT: "none"}, margin=1.0),))
    plan = make_plan(moved, Options(assignments=("model.depth=8", f"{ACT}=none")))  # which is the baseline now
    assert (claims_of(plan), unanswerable(plan)) == ([], list(moved.claims))
    with pytest.raises(UserError, match="no claim of bn_placement is on cells of this launch"):
        require_claims(plan_of(claim))
    with pytest.raises(UserError, match="makes no claims"):
        require_claims(plan_of())


def test_a_merged_cell_stands_for_the_one_that_builds_its_network():
    plan = plan_of(worse_than({NORM: "after_add", ACT: "none", DEPTH: 8}))
    lost, kept = {DEPTH: 8, NORM: "after_add", ACT: "none"}, {DEPTH: 8, NORM: "before_add", ACT: "none"}
    cells_left = tuple(cell for cell in plan.cells if plan.cell_fields(cell) != lost)
    audited = dataclasses.replace(plan, cells=cells_left, merged=(Merged(fields=lost, same_as=kept),))
    (claim,) = claims_of(audited)
    assert claim.arm == kept


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (lambda: worse_than({"model.dept": 8}), "Perhaps you meant model.depth"),
        (lambda: worse_than({NORM: "afer_add"}), "before_add"),
        (lambda: worse_than({NORM: "after_add"}, {NORM: "after_add"}), "compares a cell with itself: norm_position=af"),
        (lambda: worse_than({NORM: "after_add"}, by=-1.0), "exchange the arms"),
        (lambda: equivalent({NORM: "after_add"}, margin=0.0), "above 0"),
        (lambda: equivalent({NORM: "after_add"}, margin=1.0, power=80), "it is a chance"),
    ],
)
def test_mistakes_are_refused_with_the_remedy(claim, sentence):
    with pytest.raises(UserError, match=sentence):
        claims_of(plan_of(claim()))


def test_claims_are_checked_once_at_seeds_fixed_beforehand():
    for asked in ({"until_decided": True}, {"tune": True}, {"search": "tpe"}):
        with pytest.raises(UserError, match="--check-claims tests at seeds fixed beforehand"):
            Options(check_claims=True, **asked)


def test_corrections_and_bootstrap_are_for_comparisons_at_fixed_seeds():
    for asked in ({"until_decided": True}, {"search": "tpe"}):
        for option in ({"correction": "bh"}, {"bootstrap": True}):
            with pytest.raises(UserError, match="leave out --correction and --bootstrap"):
                Options(**asked, **option)


def test_a_claim_is_read_back_as_it_was_written():
    claim = Claim(kind=ClaimKind.EQUIVALENT, arm={DEPTH: 8, NORM: "after_add"}, baseline={}, margin=0.5, power=0.9)
    assert Claim.from_dict(claim.as_dict()) == claim
