"""The kernels are compiled once per machine, and their absence is a reason, not a crash."""

import shutil
import subprocess

import pytest
import torch

from ablations.spec import BlockSpec
from resnet_lab.native import compiler
from resnet_lab.native.compiler import NoKernelsError, library
from resnet_lab.native.module import accelerate
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec

CPU = torch.device("cpu")


@pytest.fixture
def fresh_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget()
    yield tmp_path
    forget()


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A cache that holds the library for fp32, to be copied: making one takes seconds."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        forget()
        library(torch.float32)
    forget()
    return folder


@pytest.fixture
def filled_cache(fresh_cache, made_once):
    shutil.copytree(made_once, fresh_cache, dirs_exist_ok=True)
    return fresh_cache


def forget():
    """Begin as a new process does."""
    for function in (compiler.library, compiler._key, compiler._compiler_key):
        function.cache_clear()


def test_a_second_process_finds_what_the_first_compiled(filled_cache, monkeypatch):
    (built,) = filled_cache.rglob("*.so")
    monkeypatch.setattr(compiler, "_compile", lambda *_: pytest.fail("compiled again"))
    library(torch.float32)
    assert list(filled_cache.rglob("*.so")) == [built]


@pytest.mark.usefixtures("filled_cache")
def test_a_library_names_the_compiler_that_made_it():
    version = subprocess.run([compiler._compiler(), "-dumpfullversion"], capture_output=True, text=True, check=False)
    made_by = compiler.made_by(library(torch.float32))
    assert made_by.startswith("GCC: (") or "clang version" in made_by
    assert version.stdout.strip() in made_by
    assert compiler._made_by(b"\0Debian clang version 14.0.6\0") == "Debian clang version 14.0.6"
    assert compiler._made_by(b"") == "a compiler that does not name itself"


def test_types_have_libraries_of_their_own(filled_cache):
    assert library(torch.float32) is not library(torch.bfloat16)
    assert len(list(filled_cache.rglob("*.so"))) == 2


@pytest.mark.parametrize(
    ("script", "words"),
    [("#!/bin/sh\necho no room >&2\nexit 1\n", "no room"), (None, "no C compiler")],
)
def test_without_a_working_compiler_torch_computes_and_says_why(fresh_cache, monkeypatch, script, words):
    folder = fresh_cache / "bin"
    folder.mkdir()
    if script:
        (folder / "cc").write_text(script)
        (folder / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(NoKernelsError, match=words):
        library(torch.float32)
    model = build_network(ModelSpec(depth=8))
    same, why = accelerate(model, torch.float32, CPU)
    assert same is model
    assert why.startswith("torch: ")
    assert words in why


def test_a_library_that_others_could_have_written_is_compiled_again(filled_cache, monkeypatch):
    library(torch.float32)
    (built,) = filled_cache.rglob("*.so")
    built.chmod(0o666)
    forget()
    compiled = []
    monkeypatch.setattr(
        compiler, "_compile", lambda *args, compile=compiler._compile: compiled.append(args) or compile(*args)
    )
    library(torch.float32)
    assert len(compiled) == 1
    assert built.stat().st_mode & 0o777 == 0o644


def test_without_a_compiler_what_was_compiled_before_serves(filled_cache, monkeypatch):
    library(torch.float32)
    forget()
    monkeypatch.setenv("PATH", str(filled_cache / "nowhere"))
    monkeypatch.delenv("CC", raising=False)
    library(torch.float32)
    forget()
    for built in filled_cache.rglob("*.so"):
        built.unlink()  # this process has the file mapped
        built.write_bytes(b"torn")
    with pytest.raises(NoKernelsError, match="no C compiler"):
        library(torch.float32)


@pytest.mark.usefixtures("fresh_cache")
def test_what_the_compiler_made_but_cannot_be_loaded_is_a_reason(monkeypatch):
    monkeypatch.setattr(compiler, "_compile", lambda _, built: built.write_bytes(b"no library") and built)
    with pytest.raises(NoKernelsError, match="cannot be loaded"):
        library(torch.float32)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (ModelSpec(depth=8, block=BlockSpec(activation="gelu")), "GELU"),
        (ModelSpec(depth=8, block=BlockSpec(norm="group")), "GroupNorm"),
        (ModelSpec(depth=8, block=BlockSpec(drop_path=0.5)), "skipped"),
        (ModelSpec(depth=8, width=12), "8n channels"),
    ],
)
def test_a_network_they_do_not_know_stays_with_torch(model, reason):
    built = build_network(model)
    same, why = accelerate(built, torch.float32, CPU)
    assert same is built
    assert reason in why


def test_deterministic_algorithms_and_many_threads_stay_with_torch():
    model = build_network(ModelSpec(depth=8))
    torch.use_deterministic_algorithms(True)
    try:
        assert "deterministic" in accelerate(model, torch.float32, CPU)[1]
    finally:
        torch.use_deterministic_algorithms(False)
    assert accelerate(model, torch.float32, CPU)[1] == "native"
    assert "mini-batch" in accelerate(model, torch.float32, CPU, varies=True)[1]
    torch.set_num_threads(4)
    assert "4 threads" in accelerate(model, torch.float32, CPU)[1]
