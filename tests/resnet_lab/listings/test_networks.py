"""The list of networks: every name, with the parameters that are published."""

import json

import pytest

from resnet_lab.listings import networks
from resnet_lab.spec import ModelName
from resnet_lab.spec.presets import PRESETS


def test_every_name_is_listed_with_a_source():
    names = networks.names()
    assert set(names) == {*PRESETS, *ModelName} - networks.FAMILIES
    assert [name for name in names if not networks.SOURCES.get(name)] == []
    assert set(networks.SOURCES) == set(names)


@pytest.mark.usefixtures("one_thread")
def test_parameters_and_depth_are_those_of_the_images_it_is_published_for(capsys, monkeypatch):
    asked = ["resnet20", "resnet50", "mnist_cnn", "wrn_28_10"]
    monkeypatch.setattr(networks, "names", lambda: asked)
    networks.main(["--json"])
    rows = json.loads(capsys.readouterr().out)
    found = {row["name"]: (row["parameters"], row["depth"], row["images"]) for row in rows}
    assert found == {
        "resnet20": (269_722, 20, "cifar10"),
        "resnet50": (25_557_032, 50, "imagenet"),
        "mnist_cnn": (8_550, 3, "mnist"),
        "wrn_28_10": (36_479_194, 28, "cifar10"),
    }
    networks.main([])
    text = capsys.readouterr().out
    assert "25,557,032" in text
    assert max(map(len, text.splitlines())) <= 80
