"""Seeds until decided, with a fake executor: who gets more seeds, and what the report says."""

import json
import random

import pytest

from resnet_lab.errors import UserError
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.tracking import read_runs
from studies.bn_placement import STUDY
from studies.modes.until_decided import UntilDecided, numbered
from studies.plan.options import Options
from studies.plan.plan import make_plan
from tests.studies.fakes import FakeExecutor

pytestmark = pytest.mark.usefixtures("undrawn")

ONE_DEPTH = ("model.depth=8",)


def plan_of(*assignments, seeds=(0, 1, 2)):
    return make_plan(STUDY, Options(seeds=seeds, assignments=(*ONE_DEPTH, *assignments)))


def error(spec):
    """after_add after the addition is far worse; norm alone differs in noise; the rest is noise around 5 %."""
    noise = random.Random(f"{spec.seed} {spec.model.block.norm_position} {spec.model.block.act_position}").gauss(0, 0.1)
    block = spec.model.block
    far = 10 if (block.norm_position, block.act_position) == ("after_add", "after_add") else 0
    return 5 + far + noise


def test_clear_arms_stop_early_and_open_ones_go_on_with_their_baseline(store_folder, go, reported):
    executor, plan = FakeExecutor(error), plan_of()
    outcome = go(UntilDecided(plan, max_seeds=7, margin=0), plan, executor)
    runs, files, _ = reported(outcome)
    counts = {}
    for run in runs:
        arm = run["model.block.norm_position"], run["model.block.act_position"]
        counts[arm] = counts.get(arm, 0) + 1
    assert counts == {
        ("before_add", "after_add"): 7,
        ("before_add", "none"): 7,
        ("after_add", "after_add"): 3,
        ("after_add", "none"): 7,
    }
    assert sum(executor.started.values()) == len(runs) == 24
    content = json.loads(next(path for path in files if path.name == "sequential.json").read_text())
    assert content["looks"] == [3, 5, 7]
    worse = next(one for one in content["comparisons"] if one["decision"] == "worse")
    assert (worse["seeds"], worse["stopped"]) == (3, "decided")
    assert worse["corrected_low"] > 0
    text = next(path for path in files if path.name == "table.md").read_text()
    assert "not corrected for these looks" in text
    assert "the most seeds allowed" in text
    assert "worse after 3 seeds" in text
    finished = [run["tags"]["trial"] for run in read_runs(store_folder, STUDY.name) if run["status"] == "FINISHED"]
    assert len(finished) == len(set(finished)) == 24


def test_the_same_command_again_decides_the_same_and_trains_nothing(store_folder, go, reported):
    plan = plan_of("model.block.act_position=none")
    first = go(UntilDecided(plan, max_seeds=5, margin=0), plan, FakeExecutor(error))
    executor = FakeExecutor(error)
    again = go(UntilDecided(plan, max_seeds=5, margin=0), plan, executor)
    assert not executor.started
    runs = [reported(outcome).runs for outcome in (first, again)]
    assert runs[0] == runs[1]
    assert len(read_runs(store_folder, STUDY.name)) == len(runs[0])


def test_within_the_margin_is_equivalent(go, capsys, reported):
    plan = plan_of("model.block.act_position=none")
    outcome = go(UntilDecided(plan, max_seeds=9, margin=3.0), plan, FakeExecutor(error))
    reported(outcome, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [one["decision"] for one in printed["sequential"]["comparisons"]] == ["equivalent"]
    assert printed["sequential"]["comparisons"][0]["seeds"] == 3
    assert len(printed["table"]) == 2


def test_an_arm_without_a_complete_pair_gets_no_more_seeds(go, reported):
    plan = plan_of("model.block.act_position=none")
    lost = [trial_name(run) for run in plan.runs() if run.model.block.norm_position == "after_add"]
    executor = FakeExecutor(script=dict.fromkeys(lost, [9] * 4))
    outcome = go(UntilDecided(plan, max_seeds=9, margin=0), plan, executor)
    runs, files, _ = reported(outcome)
    assert len(runs) == 6
    (one,) = json.loads(next(path for path in files if path.name == "sequential.json").read_text())["comparisons"]
    assert (one["decision"], one["pairs"], one["difference"]) == ("undecided", 0, None)
    assert one["stopped"] == "no seed is complete in both arms"


def test_an_arm_that_always_diverges_is_worse_as_soon_as_the_ranks_allow(go, reported):
    plan = plan_of("model.block.act_position=none")
    executor = FakeExecutor(lambda spec: None if spec.model.block.norm_position == "after_add" else 5.0)
    runs, files, _ = reported(go(UntilDecided(plan, max_seeds=11, margin=0), plan, executor))
    (one,) = json.loads(next(path for path in files if path.name == "sequential.json").read_text())["comparisons"]
    assert (one["decision"], one["seeds"], one["difference"]) == ("worse", 9, None)  # 2^-8 is under 5 % / 5 looks
    assert one["withheld"] == "9 of 9 diverged"
    assert len(runs) == 18
    text = next(path for path in files if path.name == "table.md").read_text()
    assert "worse after 9 seeds, by signed ranks: 9 of 9 diverged" in " ".join(text.split())


def test_seeds_go_on_above_the_largest():
    assert numbered((0, 1, 2), 5) == (0, 1, 2, 3, 4)
    assert numbered((7, 3), 4) == (7, 3, 8, 9)


@pytest.mark.parametrize(("seeds", "largest", "sentence"), [((4,), 9, "two seeds"), ((0, 1, 2, 3), 3, "--max-seeds 3")])
def test_numbers_that_leave_no_room_are_refused(seeds, largest, sentence):
    with pytest.raises(UserError, match=sentence):
        UntilDecided(plan_of(seeds=seeds), max_seeds=largest, margin=0)


def test_robust_decides_later_and_the_report_says_from_how_many_seeds(go, reported):
    plan = plan_of("model.block.norm_position=after_add")
    mode = UntilDecided(plan, max_seeds=11, margin=0, robust=True)
    assert "skewed outcomes" in mode.further(plan).sentence
    _, files, _ = reported(go(mode, plan, FakeExecutor(error)))
    content = json.loads(next(path for path in files if path.name == "sequential.json").read_text())
    (far,) = content["comparisons"]
    assert (far["decision"], far["seeds"]) == ("better", 9)
    assert (content["robust"], content["least_pairs"]) == (True, 8)
    text = " ".join(next(path for path in files if path.name == "table.md").read_text().split())
    assert "With fewer than 8 seeds it cannot decide" in text
    assert "see --robust" not in text


@pytest.mark.parametrize(
    ("largest", "sentence"), [(5, r"give --max-seeds (8|9|10) or more"), (25, "ends at 20 seeds: give --max-seeds 20")]
)
def test_robust_with_too_few_or_too_many_seeds_is_refused(largest, sentence):
    with pytest.raises(UserError, match=sentence):
        UntilDecided(plan_of(), max_seeds=largest, margin=0, robust=True)


def test_robust_is_a_rule_of_until_decided():
    with pytest.raises(UserError, match="--robust is a rule of --until-decided"):
        Options(robust=True)


def test_a_margin_is_a_difference_in_points():
    with pytest.raises(UserError, match="--margin -1"):
        Options(margin=-1)
