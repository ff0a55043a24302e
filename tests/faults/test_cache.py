"""Faults in the user's cache: kernels, facts of networks and the database template are used whole, or made again."""

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch

from resnet_lab.native import compiler
from resnet_lab.native.compiler import NoKernelsError, library
from resnet_lab.system import cache
from resnet_lab.tracking import database
from resnet_lab.tracking.database import ensure_database
from studies.audit import network_facts
from studies.audit.audit import inspect_networks
from studies.audit.network_facts import FILE, FOLDER, measure, networks_of
from studies.bn_placement import STUDY
from studies.plan.options import Options
from studies.plan.plan import make_plan


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The kernels, compiled once."""
    return compiler._compile(torch.float32, tmp_path_factory.mktemp("kernels") / "whole.so").read_bytes()


@pytest.fixture
def kernels(compiled, tmp_path, monkeypatch):
    """Load the kernels as a new process does; the compiler gives what it gave before. Returns what was loaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiler, "_compile", lambda _, built: built.write_bytes(compiled) and built)
    loaded = []
    monkeypatch.setattr(
        compiler, "_load", lambda path, load=compiler._load: loaded.append(path.read_bytes()) or load(path)
    )

    def load():
        forget()
        loaded.clear()
        library(torch.float32)
        return loaded[-1]

    yield load
    forget()


def forget():
    for function in (compiler.library, compiler._key, compiler._compiler_key):
        function.cache_clear()


def kept_library():
    (path,) = cache.cache_dir(compiler.FOLDER).glob("*.so")
    return path


def put(path, content):
    """Put a file in another's place: this process has the other one mapped, as no new process would."""
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("flip", range(14))
def test_a_flipped_bit_in_a_kernel_is_never_loaded(kernels, compiled, flip):
    kernels()
    damaged, draw = bytearray(compiled), random.Random(flip)
    damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
    put(kept_library(), damaged)
    assert kernels() == compiled
    assert kept_library().read_bytes() == compiled


@pytest.mark.parametrize("size", [0, 10, 64, 1_000, 4_096, 8_192, 20_000, 40_000, 52_416, -1])
def test_a_truncated_kernel_is_never_loaded(kernels, compiled, size):
    kernels()
    put(kept_library(), compiled[:size])
    assert kernels() == compiled


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/null", "nowhere"])
def test_a_link_in_a_kernels_place_is_not_followed(kernels, compiled, target):
    kernels()
    path = kept_library()
    path.unlink()
    path.symlink_to(target)
    assert kernels() == compiled
    assert not path.is_symlink()


HOSTILE = "__attribute__((constructor)) static void run(void) { __builtin_trap(); }"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_hostile_library_under_the_right_name_in_an_open_folder_does_not_run(kernels, compiled, tmp_path):
    kernels()
    path = kept_library()
    path.unlink()
    (tmp_path / "hostile.c").write_text(HOSTILE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(path), str(tmp_path / "hostile.c")], check=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    for owned in (path, path.with_name(f"{path.name}.sha256"), path.parent):
        os.chown(owned, 65534, 65534)
    path.parent.chmod(0o777)
    assert kernels() == compiled  # its constructor would have ended this process
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, "what belongs to others is left alone"


def unwritable(folder):
    """What can stand in the cache's way, by name: each prepares it and returns the environment."""
    file = folder / "file"
    file.touch()
    (folder / "taken").mkdir()
    (folder / "taken" / "resnet-lab").touch()
    return {
        "a folder of /proc": {"XDG_CACHE_HOME": "/proc/nope"},
        "a file": {"XDG_CACHE_HOME": str(file)},
        "resnet-lab is a file": {"XDG_CACHE_HOME": str(folder / "taken")},
        "an unwritable home": {"XDG_CACHE_HOME": "", "HOME": "/proc"},
    }


@pytest.mark.parametrize("what", ["a folder of /proc", "a file", "resnet-lab is a file", "an unwritable home"])
def test_where_no_cache_can_be_made_the_kernels_are_made_for_this_process(
    kernels, compiled, tmp_path, monkeypatch, what
):
    for name, value in unwritable(tmp_path)[what].items():
        monkeypatch.setenv(name, value)
    assert kernels() == compiled


def test_without_a_home_the_kernels_are_made_for_this_process(kernels, compiled, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(Path, "home", no_home)
    assert kernels() == compiled


def test_a_folder_in_the_librarys_place_and_no_room_at_all(kernels, compiled, monkeypatch):
    kernels()
    path = kept_library()
    path.unlink()
    path.mkdir()
    assert kernels() == compiled
    monkeypatch.setattr(compiler.tempfile, "TemporaryDirectory", no_room)
    forget()
    with pytest.raises(NoKernelsError, match="no room for the compiled kernels"):  # torch computes
        library(torch.float32)


def no_room(**_):
    raise FileNotFoundError("No usable temporary directory found")


def test_nobody_else_can_write_to_what_an_umask_of_0_leaves(kernels):
    before = os.umask(0)
    try:
        kernels()
    finally:
        os.umask(before)
    path = kept_library()
    assert not any(each.stat().st_mode & 0o022 for each in (path, path.parent, path.parent.parent))


def test_without_a_compiler_the_kernels_of_before_compute_on(kernels, compiled, monkeypatch):
    kernels()
    monkeypatch.setattr(compiler, "_compiler", lambda: (_ for _ in ()).throw(NoKernelsError("there is no C compiler")))
    assert kernels() == compiled


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """Networks, and the cache that holds their facts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    networks = networks_of(make_plan(STUDY, Options(assignments=("model.depth=8", "model.width=8"))))[:1]
    expected = inspect_networks(networks)
    assert measure(networks) == expected
    return networks, expected


DEEP = '{"code": CODE, "networks": ' + "[" * 200_000 + "]" * 200_000 + "}"


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"code": CODE, "networks": {KEY: {}}}',
        '{"code": CODE, "networks": {KEY: {"width": 1}}}',
        '{"code": CODE, "networks": {KEY: []}}',
        '{"code": CODE, "networks": {KEY: 3}}',
        DEEP,
    ],
)
def test_facts_of_another_shape_are_measured_again(facts, content, signed):
    networks, expected = facts
    text = content.replace("CODE", json.dumps(network_facts._code())).replace(
        "KEY", f'"{network_facts._key(networks[0])}"'
    )
    if signed:
        cache.keep(FOLDER, FILE, text.encode())
    else:
        (cache.cache_dir(FOLDER) / FILE).write_text(text)
    assert measure(networks) == expected


def test_a_link_in_the_facts_place_leaves_its_victim_alone(facts, tmp_path):
    networks, expected = facts
    path, victim = cache.cache_dir(FOLDER) / FILE, tmp_path / "victim"
    victim.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(victim)
    before = victim.read_bytes()
    assert measure(networks) == expected
    assert (victim.read_bytes(), path.is_symlink()) == (before, False)


@pytest.mark.parametrize("facts_of_it", ['"refused: too small"', '{"parameters": 1}'])
def test_facts_with_other_numbers_are_not_believed(facts, facts_of_it):
    networks, expected = facts
    path = cache.cache_dir(FOLDER) / FILE
    content = json.loads(path.read_text())
    held = content["networks"][network_facts._key(networks[0])]
    other = json.loads(facts_of_it)
    content["networks"][network_facts._key(networks[0])] = other if isinstance(other, str) else {**held, **other}
    path.write_text(json.dumps(content))
    assert measure(networks) == expected


def spoil(template, fault):
    """Run SQL in it, or put a database without tables, a link to a device or a folder in its place."""
    if fault in (None, "/dev/null", "a folder"):
        template.unlink()
    if fault == "/dev/null":
        template.symlink_to(fault)
    elif fault == "a folder":
        template.mkdir()
    else:
        with closing(sqlite3.connect(template)) as connection, connection:
            connection.execute(fault or "VACUUM")


@pytest.mark.parametrize(
    "fault",
    [
        "CREATE TRIGGER spy AFTER INSERT ON tags BEGIN DELETE FROM tags; END",
        "DROP TABLE metrics",
        "UPDATE alembic_version SET version_num = 'f00'",
        None,
        "/dev/null",
        "a folder",
    ],
)
def test_a_template_that_is_not_as_it_was_kept_is_made_again(empty_database, tmp_path, monkeypatch, fault):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    whole = empty_database.read_bytes()
    template = cache.keep(database.FOLDER, database._template(), whole)
    spoil(template, fault)
    monkeypatch.setattr(database, "connect", lambda uri: Path(uri.removeprefix("sqlite:///")).write_bytes(whole))
    ensure_database(tmp_path / "out" / "mlflow.db")
    assert fault == "a folder" or template.read_bytes() == whole
    with closing(sqlite3.connect(tmp_path / "out" / "mlflow.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert "metrics" in tables
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name = 'spy'").fetchall()


@pytest.mark.slow
def test_a_study_goes_on_when_its_kernels_are_cut_short(tmp_path):
    """The fork server loads the kernels: a library that is cut short ended it, and every study with it."""
    arguments = ["--set", "model.depth=8", "--seeds", "0", "--epochs", "1"]
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    digests = []
    for when in ("before", "after"):
        out = tmp_path / when
        command = [sys.executable, "-m", "studies.bn_placement", *arguments, "--out", str(out)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        digests.append(
            {path.parent.name: json.loads(path.read_text())["sha256"] for path in out.glob("trials/*/result.json")}
        )
        for library_file in (tmp_path / "cache").rglob("*.so"):
            os.truncate(library_file, 20_000)
    assert digests[0] == digests[1]
