"""The command in this process, on a run of three epochs of 4 steps."""

import json

import pytest

from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten
from resnet_lab.train.__main__ import main
from tests.specs import TINY

FIELDS = {name: value for name, value in flatten(TINY).items() if value != flatten(RunSpec())[name]}


@pytest.fixture
def train(store_folder, capsys):
    """Run the command on TINY with fields replaced; return its exit code and what it printed on stdout and stderr."""

    def run(*options, **fields):
        named = {**FIELDS, **{name.replace("__", "."): value for name, value in fields.items()}}
        argv = [f"--{name}={value}" for name, value in named.items()]
        capsys.readouterr()  # what was printed before is not the command's
        with pytest.raises(SystemExit) as stop:
            main([*argv, "--threads", "1", "--out", str(store_folder), *options])
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def trained(train):
    """Run the command with --json; return what it printed as JSON."""

    def run(*options, **fields):
        code, out, err = train("--json", *options, **fields)
        assert code == 0, err
        return json.loads(out)

    return run
