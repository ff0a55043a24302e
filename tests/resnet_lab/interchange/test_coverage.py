"""The load coverage, and a famous load that was not strict."""

import pytest
import torch
from torch import nn

from resnet_lab.interchange.coverage import compare
from resnet_lab.interchange.importing import IncompleteError, import_checkpoint


def tiny():
    return nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))


def test_a_network_covers_itself():
    model = tiny()
    coverage = compare(model, model.state_dict())
    assert coverage.complete
    assert (coverage.matched, coverage.tensors) == (8, 8)
    assert (coverage.matched_parameters, coverage.parameters) == (31, 31)
    assert "complete" in coverage.lines()[0]


def test_counters_count_only_where_the_file_has_them():
    model = tiny()
    given = {name: tensor for name, tensor in model.state_dict().items() if "num_batches" not in name}
    assert compare(model, given).complete
    assert compare(model, given).tensors == 7


def test_missing_unexpected_and_differing_are_distinguished():
    model = tiny()
    given = dict(model.state_dict())
    del given["0.weight"]
    given["3.weight"] = torch.ones(4, 2)
    given["3.bias"] = torch.ones(3, dtype=torch.int64)
    given["x\n\x1b[31m"] = torch.ones(1)
    coverage = compare(model, given, ["y"])
    assert not coverage.complete
    assert coverage.missing == ("0.weight",)
    assert coverage.unexpected == ("x\n\x1b[31m", "y")
    assert coverage.differing == ("3.weight 3x2, not 4x2", "3.bias float32, not int64")
    assert (coverage.matched, coverage.tensors, coverage.matched_parameters) == (5, 8, 4)
    assert len(coverage.lines()) == 6
    assert all(line.isprintable() for line in coverage.lines())


def test_a_share_is_never_rounded_to_all_or_nothing():
    model = nn.Sequential(nn.Linear(1000, 1000), nn.Linear(1, 1, bias=False))
    without_last = dict(list(model.state_dict().items())[:-1])
    assert "over 99.99 %" in compare(model, without_last).lines()[2]
    assert "under 0.01 %" in compare(model, {"1.weight": torch.ones(1, 1)}).lines()[2]


@pytest.fixture
def pretrained(tmp_path, foreign):
    """The public mistake: "pretrained" weights whose dense blocks carry names that the network does not have."""
    renamed = {
        name.replace("denselayer", "layers.").replace("transition", "trans.").replace("norm5", "bn_last"): tensor
        for name, tensor in foreign("densenet121").state_dict().items()
    }
    torch.save(renamed, tmp_path / "densenet121.pth")
    return tmp_path / "densenet121.pth"


def test_the_pretrained_densenet_that_was_999_permille_random(pretrained):
    with pytest.raises(IncompleteError, match="matches only 8 of the network's 727 tensors") as caught:
        import_checkpoint(pretrained)
    coverage = caught.value.coverage
    assert (coverage.matched, coverage.tensors) == (8, 727)
    assert (coverage.matched_backbone, coverage.backbone) == (9_536, 6_953_856)
    assert coverage.as_dict()["backbone_percent"] == pytest.approx(0.137, abs=1e-3)
    text = "\n".join(coverage.lines())
    assert "8 of 727 (1.10 %)" in text
    assert "of the backbone 9,536 of 6,953,856 (0.14 %)" in text
    assert len(coverage.missing) == len(coverage.unexpected) == 719
    assert len(coverage.lines()) <= 8


def test_a_partial_load_is_kept_as_one_and_is_the_same_every_time(pretrained):
    once, again = (import_checkpoint(pretrained, allow_partial=True) for _ in range(2))
    assert once.provenance.origin.matched == 8
    assert not once.coverage.complete
    for name, tensor in once.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])
    file = torch.load(pretrained, weights_only=True)
    assert torch.equal(once.model.features.conv0.weight, file["features.conv0.weight"])
