"""The section `Environment`: what computed, with counts where trials differ."""

from types import SimpleNamespace

from analysis.report.sections.reproduce import environment

NATIVE, TORCH = {"step": "eager", "kernels": "native"}, {"step": "eager", "kernels": "torch: no compiler"}


def shown(*environments):
    (items,) = environment(SimpleNamespace(environments=dict(enumerate(environments))))
    return dict(items.items)


def test_kernels_that_differ_between_trials_are_counted():
    assert shown(NATIVE, NATIVE, TORCH)["kernels"] == "native (2 trials)\ntorch: no compiler (1 trials)"
    assert shown(NATIVE, NATIVE)["kernels"] == "native"


def test_kernels_that_changed_in_mid_trial_are_named_with_their_epochs():
    engines = [{"from_epoch": 1, **NATIVE}, {"from_epoch": 3, **TORCH}]
    changed = TORCH | {"engines": engines}
    assert shown(changed)["kernels"] == "native from epoch 1, then torch: no compiler from epoch 3"
    assert shown(changed)["step"] == "eager"
