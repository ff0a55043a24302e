"""The picture of a data set: its counts, its figure, and what is refused."""

import json
from pathlib import Path

import pytest

from analysis.show_data import main


def test_the_digits_are_drawn_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "new" / "x.png"
    main(["digits", "--out", str(picture), "--images", "3", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["class"] for row in rows] == list("0123456789")
    assert [sum(row[part] for row in rows) for part in ("train", "val", "test")] == [1257, 180, 360]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "--out", "x.jpg"], "the picture is a PNG"),
        (["digits", "--images", "0"], "they must be 1 or more"),
        (["folder"], "data.name=folder needs --data-dir"),
        (["dogs"], "there is no data set 'dogs'"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
