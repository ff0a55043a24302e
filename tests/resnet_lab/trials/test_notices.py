"""Notices of a trial: what was set aside, and lines that are none."""

from resnet_lab.trials.notices import NOTICES_FILE, Kind, add_notice, read_notices, set_aside


def test_a_damaged_file_is_kept_under_a_name_that_says_so_and_noted(tmp_path, capsys):
    for content in (b"first", b"second"):
        (tmp_path / "resume.pt").write_bytes(content)
        set_aside(tmp_path / "resume.pt", "is damaged")
    set_aside(tmp_path / "model.safetensors", "is gone")
    assert (tmp_path / "resume.pt.damaged").read_bytes() == b"first"
    assert (tmp_path / "resume.pt.damaged-2").read_bytes() == b"second"
    first, _, third = read_notices(tmp_path)
    assert (first.kind, first.file) == (Kind.REPAIRED, "resume.pt")
    assert first.text == f"{tmp_path.name}: resume.pt is damaged; set aside as resume.pt.damaged, and made again"
    assert third.text == f"{tmp_path.name}: model.safetensors is gone; made again"
    assert capsys.readouterr().out.splitlines()[0] == first.text


def test_lines_that_are_no_notices_are_left_out(tmp_path):
    assert read_notices(tmp_path) == ()
    add_notice(tmp_path, Kind.ENGINE_CHANGED, "native -> torch")
    with (tmp_path / NOTICES_FILE).open("ab") as file:
        file.write(b'\xff\n[]\n{"kind": "other", "text": ""}\n{"kind": "repaired", "more": 1, "text": ""}\n{"kin')
    assert [notice.text for notice in read_notices(tmp_path)] == ["native -> torch"]
