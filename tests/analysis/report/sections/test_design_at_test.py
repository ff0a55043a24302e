"""The design says what each arm's network is at test, where training ran some of its blocks."""

from types import SimpleNamespace

from analysis.report.data import ReportData
from analysis.report.sections.design import _at_test
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace, to_json

FIELD = "recipe.effective_test"


def words(rows, configs):
    """Return the words for made-up arms of one trial each, whose configurations are given as texts."""
    data = SimpleNamespace(rows=rows, configs=configs, runs_of=lambda row: [{"trial": row.trial}])
    data.spec_of = lambda row: ReportData.spec_of(data, row)
    return list(_at_test(data))


def lines(arms, changes):
    """Return the words for made-up arms, one run each."""
    configs = {str(i): to_json(replace(RunSpec(), each)) for i, each in enumerate(changes)}
    rows = [SimpleNamespace(context={}, arm=arm, trial=str(i)) for i, arm in enumerate(arms)]
    return words(rows, configs)


def test_every_way_of_testing_has_its_words_and_a_full_network_none():
    ways = ("scaled", "recalibrated", "unscaled")
    found = lines(
        [{FIELD: "scaled"}, *({FIELD: way} for way in ways)],
        [{}, *({"model.depth": 56, "recipe.effective_blocks": 12, FIELD: way} for way in ways)],
    )
    assert [line.partition(": ")[0] for line in found] == [f"effective_test={way}" for way in ways]
    assert "times 12/B" in found[0]
    assert "estimated again with all of them on training images" in found[1]
    assert "a network that no step has trained" in found[2]


def test_an_arm_whose_folder_is_gone_or_of_another_version_says_nothing():
    rows = [SimpleNamespace(context={}, arm={}, trial=name) for name in ("gone", "odd")]
    assert words(rows, {"odd": '{"no.field": 1}'}) == []
