"""The learning rate is a pure function of the iteration, and torch's own numbers where torch has the schedule."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resnet_lab.engine.schedules import Plateau, lr_at, warmup_of
from resnet_lab.spec import RecipeSpec, RunSpec, Warmup
from resnet_lab.spec.fields import replace


def any_optimizer(lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr)


@pytest.mark.parametrize(
    ("iteration", "lr"),
    [(0, 0.1), (399, 0.1), (31_999, 0.1), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_the_default_schedule_is_that_of_he_et_al_2015(iteration, lr):
    assert lr_at(RunSpec(), iteration) == pytest.approx(lr, rel=1e-12)


@pytest.mark.parametrize(("depth", "at_start"), [(20, 0.1), (56, 0.1), (104, 0.1), (110, 0.01), (1202, 0.01)])
def test_deep_nets_warm_up_at_a_hundredth_for_400_iterations(depth, at_start):
    spec = replace(RunSpec(), {"model.depth": depth})
    assert [lr_at(spec, i) for i in (0, 399, 400)] == pytest.approx([at_start, at_start, 0.1])


@pytest.mark.parametrize(
    ("warmup", "depth", "expected"),
    [("none", 110, [0.1] * 5), ("constant", 20, [0.02] * 4 + [0.1]), ("linear", 20, [0.02, 0.04, 0.06, 0.08, 0.1])],
)
def test_each_warm_up(warmup, depth, expected):
    changes = {"recipe.warmup": warmup, "recipe.warmup_iterations": 4, "recipe.warmup_lr": 0.02}
    spec = replace(RunSpec(), {"model.depth": depth, **changes})
    assert warmup_of(spec) == Warmup(warmup)
    assert [lr_at(spec, i) for i in range(5)] == pytest.approx(expected)


@given(st.integers(0, 63_999))
def test_cosine_falls_from_the_peak_to_zero_along_a_cosine(iteration):
    spec = replace(RunSpec(), {"recipe.schedule": "cosine"})
    assert lr_at(spec, iteration) == pytest.approx(0.05 * (1 + math.cos(math.pi * iteration / 64_000)))
    assert 0 < lr_at(spec, iteration) <= 0.1
    assert lr_at(spec, 0) == 0.1
    assert lr_at(spec, 32_000) == pytest.approx(0.05)
    assert lr_at(spec, 63_999) < 1e-9


@given(st.integers(0, 63_999))
def test_constant_stays(iteration):
    assert lr_at(replace(RunSpec(), {"recipe.schedule": "constant"}), iteration) == 0.1


@given(
    st.integers(1, 200_000),
    st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100)),
)
def test_milestones_fall_on_the_iteration_that_is_their_share_exactly(iterations, shares):
    milestones = {f"recipe.milestone_{number}": share / 100 for number, share in enumerate(shares, 1)}
    spec = replace(RunSpec(), {"recipe.iterations": iterations, **milestones})
    for percent in shares:
        iteration = -(-iterations * percent // 100)  # the first iteration at or past the share
        passed = sum(100 * iteration >= share * iterations for share in shares)
        assert lr_at(spec, iteration) == pytest.approx(0.1 * 0.1**passed)


@given(st.integers(1, 300))
def test_one_cycle_has_the_numbers_of_torch(iterations):
    optimizer = any_optimizer()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, iterations, cycle_momentum=False)
    expected = []
    for step in range(iterations):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < iterations - 1:
            schedule.step()
    spec = replace(RunSpec(), {"recipe.schedule": "one_cycle", "recipe.iterations": iterations})
    assert [lr_at(spec, i) for i in range(iterations)] == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_one_cycle_peaks_at_the_rate_after_a_warm_up_of_its_own():
    changes = {"recipe.schedule": "one_cycle", "recipe.iterations": 100, "recipe.warmup": "constant"}
    spec = replace(RunSpec(), changes | {"recipe.warmup_iterations": 5, "recipe.warmup_lr": 0.001})
    rates = [lr_at(spec, i) for i in range(100)]
    assert rates[:5] == [0.001] * 5
    assert max(rates) == rates[29] == 0.1
    assert rates[99] == pytest.approx(0.1 / 25e4)


@given(
    st.lists(st.one_of(st.floats(0, 100), st.sampled_from([0.0, 5.0, 4.9996, math.nan])), max_size=40),
    st.integers(0, 4),
    st.sampled_from([0.1, 0.5, 0.9]),
)
def test_the_plateau_decays_when_torch_does(errors, patience, decay):
    recipe = RecipeSpec(schedule="plateau", plateau_patience=patience, lr_decay=decay)
    optimizer = any_optimizer(recipe.lr)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", factor=decay, patience=patience)
    ours = Plateau(rate=recipe.lr)
    for error in errors:
        ours = ours.after(error, recipe)
        theirs.step(error)
        assert (ours.rate, ours.best, ours.bad_epochs) == (
            optimizer.param_groups[0]["lr"],
            theirs.best,
            theirs.num_bad_epochs,
        )


def test_the_plateaus_rate_counts_after_the_warm_up_and_for_that_schedule_alone():
    changes = {"recipe.warmup": "constant", "recipe.warmup_iterations": 4, "recipe.warmup_lr": 0.02}
    spec = replace(RunSpec(), changes | {"recipe.schedule": "plateau"})
    assert [lr_at(spec, i, 0.03) for i in (0, 3, 4, 60_000)] == [0.02, 0.02, 0.03, 0.03]
    assert lr_at(spec, 4) == 0.1
    assert lr_at(replace(spec, {"recipe.schedule": "constant"}), 4, 0.03) == 0.1


def test_a_third_milestone_at_the_end_is_none():
    spec = replace(RunSpec(), {"recipe.iterations": 1000})
    assert lr_at(spec, 999) == pytest.approx(0.1 * 0.1**2)
