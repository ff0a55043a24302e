"""The command `python -m resnet_lab.recipes` as a user meets it."""

import json

from resnet_lab.recipes import main
from resnet_lab.spec.recipes import RECIPES


def test_json_has_every_preset_with_its_fields_and_sources(capsys):
    main(["--json"])
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(listed) == list(RECIPES)
    assert {"he2015", "he2016", "wrn2016", "huang2016", "cycle30", "t1", "t2", "t3", "t4"} <= set(listed)
    assert listed["huang2016"]["fields"]["recipe.select"] == "best_validation"
    assert listed["cycle30"]["epochs"] == 30
    assert listed["wrn2016"]["stated"][1]["memory"]


def test_the_text_fits_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    main([])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "he2015: ResNets on CIFAR-10" in text
    assert "text T4" in text
