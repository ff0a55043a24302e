"""The list of switches: every field of a block, with values, default, meaning and source."""

import json

from ablations.choices import Norm
from ablations.spec import BlockSpec
from resnet_lab.listings.switches import main, number_range, sources, switches
from resnet_lab.spec.fields import flatten


def test_every_switch_has_values_a_default_a_meaning_and_a_source():
    rows = {row["name"]: row for row in switches()}
    assert rows.keys() == {f"model.block.{name}" for name in flatten(BlockSpec())}
    assert [name for name, row in rows.items() if not (row["values"] and row["meaning"] and row["sources"])] == []
    assert rows["model.block.norm"]["values"] == list(Norm)
    assert rows["model.block.norm"]["default"] == "batch"
    assert rows["model.block.act_position"]["sources"] == ["He et al. 2016, fig. 4c", "Torch blog 2016"]


def test_ranges_of_numbers_are_those_of_the_field():
    assert number_range(BlockSpec, "shortcut_dropout") == "a float above 0, below 1"
    assert number_range(BlockSpec, "drop_path") == "a float from 0, below 1"
    assert number_range(BlockSpec, "gate_bias") == "a float"


def test_publications_are_found_in_a_text():
    text = "As Zagoruyko and Komodakis 2016, section 2 (arXiv 1605.07146), and He et al. 2016, fig. 4b. In 2015 none."
    assert sources(text) == [
        "Zagoruyko and Komodakis 2016, section 2",
        "arXiv 1605.07146",
        "He et al. 2016, fig. 4b",
    ]


def test_the_text_has_what_the_json_has(capsys):
    main(["--json"])
    rows = json.loads(capsys.readouterr().out)
    main([])
    text = capsys.readouterr().out
    assert all(row["name"] in text for row in rows)
    assert "false, true" in text
