"""Lists of commands: every command is in one, and no name that one would guess ends in silence."""

import json
import runpy
import sys

import pytest

import analysis.__main__
import resnet_lab.__main__
from resnet_lab.listings.commands import main
from tests.test_house import modules

LISTS = {"resnet_lab": resnet_lab.__main__.COMMANDS, "analysis": analysis.__main__.COMMANDS}
GUESSED = (
    *("analysis.lesions", "analysis.paths", "analysis.figures", "resnet_lab.checkpoint", "resnet_lab.metrics"),
    *("resnet_lab.inspect", "resnet_lab.engine", "resnet_lab.import", "studies.audit", "studies.search"),
    *("studies.report", "studies.table", "analysis.lesion", "ablations.block", "ablations.layout", "ablations.spec"),
)
"""Names that one may take for commands."""


def is_command(name: str) -> bool:
    """Return whether a module or a package does something when it is run, besides saying which command to use."""
    texts = [modules()[each].read_text() for each in (name, f"{name}.__main__") if each in modules()]
    return any('__name__ == "__main__"' in text and "refer(" not in text for text in texts)


@pytest.mark.parametrize("package", LISTS)
def test_every_command_straight_in_a_package_is_listed(package):
    inner = {".".join(name.split(".")[:2]) for name in modules() if name.startswith(f"{package}.")}
    found = {name.partition(".")[2] for name in inner if is_command(name)}
    assert found - {"__main__"} == set(LISTS[package])


@pytest.mark.parametrize("name", GUESSED)
@pytest.mark.filterwarnings("ignore:.*found in sys.modules after import of package:RuntimeWarning")
def test_a_name_that_is_no_command_says_so_and_fails(name, capsys):
    with pytest.raises((SystemExit, ImportError)) as error:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    answer = str(error.value) + capsys.readouterr().err
    assert "is no command: use python -m" in answer or "No module named" in answer


def test_the_list_is_the_same_as_json(capsys):
    main("resnet_lab", {"summary": "layers"}, ["--json"])
    assert json.loads(capsys.readouterr().out) == [{"command": "python -m resnet_lab.summary", "does": "layers"}]
    main("resnet_lab", {"summary": "layers"}, [])
    assert "python -m resnet_lab.summary  layers" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*found in sys.modules after import of package:RuntimeWarning")
def test_a_command_runs_by_its_name_and_another_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["resnet_lab"])
    with pytest.raises(SystemExit) as stop:
        main("resnet_lab", LISTS["resnet_lab"], ["summary", "--image-size", "0"])
    assert stop.value.code == 2
    assert "--image_size 0: it must be 1 or more" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main("resnet_lab", LISTS["resnet_lab"], ["sumary"])
    assert stop.value.code == 2
    assert "there is no command 'sumary': the commands of resnet_lab are" in capsys.readouterr().err
