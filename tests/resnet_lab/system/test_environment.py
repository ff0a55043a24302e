"""Environment variables set for a while: each is afterwards as it was."""

import importlib.metadata
import os
from types import SimpleNamespace

import pytest
import torch

from resnet_lab.system import environment
from resnet_lab.system.environment import _gpu_driver, describe_torch, environment_set, installed_commit


def test_variables_are_set_within_the_block_and_put_back_after_it(monkeypatch):
    monkeypatch.setenv("LAB_OLD", "old")
    monkeypatch.delenv("LAB_NEW", raising=False)
    with environment_set({"LAB_OLD": "other", "LAB_NEW": "new"}):
        assert (os.environ["LAB_OLD"], os.environ["LAB_NEW"]) == ("other", "new")
    assert os.environ["LAB_OLD"] == "old"
    assert "LAB_NEW" not in os.environ


def test_they_are_put_back_after_an_error_and_where_the_block_removed_them(monkeypatch):
    monkeypatch.setenv("LAB_OLD", "old")

    def fail():
        with environment_set({"LAB_OLD": "other", "LAB_NEW": "new"}):
            del os.environ["LAB_NEW"]
            raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        fail()
    assert os.environ["LAB_OLD"] == "old"
    assert "LAB_NEW" not in os.environ


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024", "535.183.01"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82.07  Release Build", "580.82.07"),
        ("something else", None),
    ],
)
def test_the_version_of_the_gpu_driver_is_read(line, version, tmp_path):
    (tmp_path / "version").write_text(line + "\nGCC version: 12.2.0\n")
    assert _gpu_driver(tmp_path / "version") == version
    assert _gpu_driver(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("dtype", "flag", "precision"),
    [(torch.float32, True, "tf32"), (torch.float32, False, "float32"), (torch.bfloat16, True, "bfloat16")],
)
def test_the_precision_of_a_gpu_is_that_of_its_products(monkeypatch, dtype, flag, precision):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", flag)
    assert describe_torch(torch.device("cuda"), dtype)["precision"] == precision
    assert describe_torch(torch.device("cpu"), dtype)["precision"] == str(dtype).removeprefix("torch.")


@pytest.mark.parametrize(
    ("text", "commit"),
    [
        ('{"url": "https://example.org/lab.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}', "abc123"),
        ('{"url": "file:///lab", "dir_info": {"editable": true}}', None),
        ("[]", None),
        ("no JSON", None),
        (None, None),
    ],
)
def test_the_commit_of_a_package_that_was_installed_from_a_repository(monkeypatch, text, commit):
    """As PEP 610 has it: pip writes where a distribution came from."""
    found = SimpleNamespace(read_text={"direct_url.json": text}.__getitem__)
    monkeypatch.setattr(environment.importlib.metadata, "distribution", {"resnet-lab": found}.__getitem__)
    assert installed_commit() == commit


def test_no_commit_where_nothing_was_installed(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(environment.importlib.metadata, "distribution", missing)
    assert installed_commit() is None
