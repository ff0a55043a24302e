"""The planning command: seeds for the test that the study will make."""

import json

import pytest

from studies.cli.power import PowerOptions, main, seeds_for

ASKED = ["bn_placement", "--effect", "0.3", "--sd", "0.16", "--scale", "quick"]


def test_the_seeds_without_and_with_holm_are_both_printed(capsys):
    main(ASKED)
    text = capsys.readouterr().out
    assert "two-sided paired t test" in " ".join(text.split())
    assert "one comparison alone, uncorrected: 7 seeds an arm" in text
    assert "with Holm over 6 comparisons (first step, alpha / 6): 11 seeds an arm" in text
    assert "8 cells x 11 seeds = 88 trials" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_json_holds_both_and_costs_the_careful_one(capsys):
    main([*ASKED, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert (answer["kind"], answer["comparisons"]) == ("paired", 6)
    assert (answer["seeds_uncorrected"], answer["seeds"], answer["trials"]) == (7, 11, 88)
    assert answer["difference_sd"] == pytest.approx(0.16 * 2**0.5)


def test_independent_arms_and_the_spread_of_differences_can_be_asked_for():
    def seeds(family=1, **options):
        return seeds_for(PowerOptions(study="bn_placement", effect=0.3, sd=0.16, **options), family)["seeds"]

    assert seeds(kind="independent") == 6
    assert seeds(kind="independent", family=6) > 6
    assert seeds(correlation=0.5) < seeds()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--effect", "0", "--sd", "0.16"], "give an effect"),
        (["--effect", "0.3", "--sd", "0"], "no spread"),
        (["--effect", "0.3", "--sd", "0.16", "--correlation", "1"], "leaves no spread"),
    ],
)
def test_numbers_without_sense_are_a_sentence(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as ended:
        main(["bn_placement", *arguments])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_study_with_one_scale_is_costed_at_it(tmp_path, capsys):
    file = tmp_path / "widths.py"
    file.write_text(
        "from studies import Scale, Study\n"
        'QUICK = Scale(dataset="digits", context={}, seeds=(0, 1), epochs=1)\n'
        'STUDY = Study(name="widths", question="?", arm={"model.width": (8, 16)}, scales={"quick": QUICK})\n'
    )
    main([str(file), *ASKED[1:5], "--json"])
    assert json.loads(capsys.readouterr().out)["scale"] == "quick"
