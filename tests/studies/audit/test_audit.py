"""The audit of a plan: public mistakes rebuilt as specs, arms that are one network, invalid cells."""

import json

import pytest
import torch
from rich.console import Console

from resnet_lab.errors import RefusedError
from resnet_lab.spec import DatasetName
from resnet_lab.trials.trial import Trial
from studies.audit import text as audit_text
from studies.audit.audit import audit, inspect_networks, network_of
from studies.bn_placement import STUDY as BN_PLACEMENT
from studies.plan.options import Options
from studies.plan.plan import make_plan
from studies.plan.study import Scale, Study
from studies.results.write import PlanOutcome


def study(arm, context=None, **changes):
    scale = Scale(
        dataset=DatasetName.DIGITS,
        context=context or {},
        seeds=(0, 1),
        changes={name.replace("__", "."): value for name, value in changes.items()},
    )
    return Study(name="toy", question="Does it matter?", arm=arm, scales={"quick": scale})


def audited(plan):
    return audit(plan, inspect_networks([network_of(cell) for cell in plan.cells]))


def text(checked):
    return "\n".join(audit_text.lines(checked))


def words(checked):
    return " ".join(text(checked).split())


def test_the_110_layer_net_that_has_164_layers():
    """18 bottlenecks a stage are 164 layers, whatever the net is called: He et al. 2015 have 18 basic blocks."""
    toy = study({"model.block.kind": ("basic", "bottleneck"), "model.depth": (110, 164)})
    checked = audited(make_plan(toy, Options()))
    (found,) = [line for line in groups(checked) if line.startswith("kind=bottleneck, depth=164: ")]
    assert "parameters 1,727,674 -> " in found
    assert "depth 110 -> 164" in found
    assert "residual blocks" not in found  # as many blocks, which is how the one passed for the other


def groups(checked):
    """The audit with each wrapped paragraph as one line."""
    return text(checked).replace("\n    ", " ").replace("\n  ", "\n").splitlines()


def test_a_preactivation_net_without_its_final_norm():
    toy = study({"model.final_norm": (True, False)}, model__depth=20, model__block__preactivation="full")
    checked = audited(make_plan(toy, Options()))
    assert "final_norm=False: parameters 269,434 -> 269,306" in words(checked)
    assert "no final norm before pooling" in words(checked)
    assert {difference.what for difference in checked.differences()} == {
        "parameters",
        "final_norm",
        "final_activation",
    }


def test_parameters_and_flops_are_given_as_shares_too():
    toy = study({"model.block.shortcut": ("A", "C")}, model__depth=20)
    sentences = words(audited(make_plan(toy, Options())))
    assert "parameters 269,434 -> 283,674 (+5.3 %)" in sentences
    assert "FLOPs" in sentences


def test_a_plain_net_has_lost_its_residual_blocks():
    toy = study({"model.block.shortcut": ("A", "none")}, model__depth=20)
    assert "residual blocks 9 -> 0" in words(audited(make_plan(toy, Options())))


def test_refused_cells_are_listed_with_the_reason():
    toy = study({"model.block.shortcut": ("A", "none"), "model.block.drop_path": (0.0, 0.5)}, model__depth=8)
    sentences = words(audited(make_plan(toy, Options())))
    assert (
        "shortcut=none, drop_path=0.5: refused: model.block: shortcut=none leaves nothing beside the branch"
        in sentences
    )


def test_arms_without_a_difference_are_said_to_be_without():
    toy = study({"model.block.norm_position": ("before_add", "after_add")}, {"model.depth": (8, 14)})
    checked = audited(make_plan(toy, Options()))
    assert checked.differences() == []
    assert words(checked).startswith("audit: 4 networks built; the arms of a context have equal parameters")


@pytest.fixture
def aliases(monkeypatch):
    """A toy study of a number that nobody reads: the house refuses it, so its refusals are off."""
    monkeypatch.setattr("ablations.spec.refuse", lambda _: None)
    arm = {"model.block.shortcut_scale": (0.5, 0.25), "model.block.shortcut": ("A", "B")}
    return make_plan(study(arm, {"model.depth": (8, 14)}), Options())


def test_arms_that_build_the_same_network_are_merged_and_said_to_be(aliases):
    checked = audited(aliases)
    assert len(aliases.cells) == 8
    assert len(checked.plan.cells) == 4
    assert {cell.model.block.shortcut_scale for cell in checked.plan.cells} == {0.5}
    assert len(checked.plan.runs()) == 8
    assert len(checked.plan.merged) == 4
    assert (
        "shortcut_scale=0.25, shortcut=A (depth 8, 14): merged: builds the same network as "
        "shortcut_scale=0.5, shortcut=A" in words(checked)
    )


def test_the_baseline_is_never_merged_away(aliases):
    checked = audited(aliases)
    baselines = [cell for cell in checked.plan.cells if checked.plan.arm_of(cell) == checked.plan.baseline()]
    assert len(baselines) == 2


def test_equal_networks_that_are_trained_differently_are_two_arms():
    toy = study({"recipe.lr": (0.1, 0.2)}, model__depth=8)
    assert len(audited(make_plan(toy, Options())).plan.cells) == 2
    toy = study({"model.block.branch_init": ("normal", "zero_last")}, model__depth=8)
    assert len(audited(make_plan(toy, Options())).plan.cells) == 2


def test_what_cannot_be_built_is_refused_with_the_reason_unless_it_is_the_baseline():
    plan = make_plan(study({"model.depth": (8, 14)}), Options())
    measured = inspect_networks([network_of(cell) for cell in plan.cells])
    broken = dict(measured) | {network_of(plan.cells[1]): "the network cannot be built: too small"}
    checked = audit(plan, broken)
    assert [cell.reason for cell in checked.plan.refused] == ["the network cannot be built: too small"]
    assert len(checked.plan.cells) == 1
    with pytest.raises(RefusedError, match="too small"):
        audit(plan, dict(measured) | {network_of(plan.cells[0]): "the network cannot be built: too small"})


def test_every_line_fits_80_columns(aliases):
    for checked in (audited(aliases), audited(make_plan(BN_PLACEMENT, Options(scale="paper")))):
        assert max(map(len, text(checked).splitlines())) <= 80


def test_a_report_prints_and_keeps_the_audit(tmp_path, aliases, capsys):
    checked = audited(aliases)
    trials = [Trial(root=tmp_path / "trials", spec=spec) for spec in checked.plan.runs()]
    (written,) = PlanOutcome(audit=checked, trials=trials).report(tmp_path, Console(width=80), as_json=False)
    files = written.files
    assert "merged: builds the same network" in " ".join(capsys.readouterr().out.split())
    kept = json.loads((tmp_path / "reports" / "toy-quick-digits" / "audit.json").read_text())
    assert tmp_path / "reports" / "toy-quick-digits" / "audit.json" in files
    assert [len(kept[name]) for name in ("cells", "merged", "refused")] == [4, 4, 0]
    assert {"parameters", "flops", "depth", "signature", "model.depth"} <= kept["cells"][0].keys()
    assert {"arm", "context", "what", "baseline", "found"} == kept["differences"][0].keys()
    assert "merged" in (tmp_path / "reports" / "toy-quick-digits" / "table.md").read_text()


def test_a_launch_and_a_trial_log_numbers(aliases):
    checked = audited(aliases)
    spec = checked.plan.runs()[-1]
    facts = checked.of(spec)
    assert checked.metrics_of(spec) == {"model/parameters": facts.parameters, "model/flops": facts.flops}


class Odd(torch.nn.Module):
    """An activation that nothing lists."""

    def forward(self, x):
        return x * x.sigmoid()


@pytest.fixture
def odd(monkeypatch):
    """A study of two arms whose blocks use an activation that the audit does not know."""
    monkeypatch.setattr("ablations.parts.make_activation", lambda *_, **__: Odd())
    return make_plan(study({"model.block.act_position": ("after_add", "none")}, model__depth=8), Options())


def test_of_a_part_it_does_not_know_the_audit_says_so(odd):
    checked = audited(odd)
    sentences = words(checked)
    assert "equal parameters, FLOPs, depth, residual blocks and final norm." in sentences
    assert "audit: not known, and so not compared:" in sentences
    assert "act_position=after_add: final activation (part of unknown function: Odd)" in sentences
    assert max(map(len, text(checked).splitlines())) <= 80
    kept = audit_text.as_dict(checked)
    assert kept["unknown"][0] == {
        "arm": {"model.block.act_position": "after_add"},
        "context": {},
        "what": ("final_activation",),
        "parts": ("Odd",),
    }
    assert kept["cells"][0]["unknown_parts"] == ("Odd",)


def test_the_page_says_what_is_not_known(odd, tmp_path):
    checked = audited(odd)
    trials = [Trial(root=tmp_path / "trials", spec=spec) for spec in checked.plan.runs()]
    written = PlanOutcome(audit=checked, trials=trials).write(tmp_path)
    page = next(path for path in written.write_page({}) if path.name == "report.md").read_text()
    assert "final activation (part of unknown function: Odd)" in page
    assert "residual blocks and final norm." in page
    assert "and final activation" not in page


def test_a_forward_method_that_is_not_read_is_no_equality():
    toy = study({"recipe.lr": (0.1, 0.2)}, model__name="densenet121")
    sentences = words(audited(make_plan(toy, Options(dataset=DatasetName.CIFAR10))))
    assert "residual blocks and final norm." in sentences
    assert "lr=0.1: final activation lr=0.2: final activation" in sentences
