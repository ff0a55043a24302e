"""Malicious and damaged files: none of their code runs, and each is refused in one line."""

import contextlib
import io
import os
import pickle
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from resnet_lab.errors import UserError
from resnet_lab.interchange.files import read_tensors

WEIGHTS = {"conv1.weight": torch.ones(2, 3, 3, 3), "fc.bias": torch.zeros(2)}


class Trap:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return (os.mkdir, (str(self.victim),))


def refused(path):
    with pytest.raises(UserError) as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def saved(path, content=WEIGHTS, **options):
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("new", [True, False])
def test_a_malicious_pickle_runs_nothing(tmp_path, new):
    victim = tmp_path / "victim"
    path = saved(tmp_path / "a.pth", {"state_dict": Trap(victim), **WEIGHTS}, _use_new_zipfile_serialization=new)
    assert "could run its code" in refused(path)
    assert not victim.exists()


def test_a_bare_malicious_pickle_runs_nothing(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "victim")))
    refused(path)
    assert not (tmp_path / "victim").exists()
    pickle.loads(path.read_bytes())  # it would have
    assert (tmp_path / "victim").exists()


@pytest.mark.parametrize("content", [b"", b"\0", b"hello, world", b"PK\3\4", b"{}", b"\x80\x02}.", b"\xff" * 100])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    assert "a.pth" in refused(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "check the path" in refused(tmp_path / "none.pth")
    assert "is no file" in refused(tmp_path)


@pytest.mark.parametrize("content", [{}, [1], {"epoch": 3}, {"state_dict": {"lr": 0.1}}, torch.ones(3)])
def test_a_file_without_named_tensors_is_refused(tmp_path, content):
    assert "no tensors by name" in refused(saved(tmp_path / "a.pth", content))


@pytest.mark.parametrize("name", ["a.pth", "old.pth", "a.safetensors"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(tmp_path, name, kept):
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(WEIGHTS, path)
    else:
        saved(path, _use_new_zipfile_serialization=name != "old.pth")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refused(path)


def test_a_flipped_bit_is_refused_where_there_is_a_checksum(tmp_path):
    path = saved(tmp_path / "a.pth")
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        record = next(info for info in archive.infolist() if info.filename.endswith("data/0"))
    at = content.index(torch.ones(54).numpy().tobytes(), record.header_offset)
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert torch.load(path, weights_only=True)["conv1.weight"][0, 0, 0, 0] != 1  # torch does not look
    refused(path)


def test_a_digest_next_to_the_file_is_verified(tmp_path):
    path = saved(tmp_path / "a.pth")
    (tmp_path / "a.pth.sha256").write_text("0" * 64 + "  a.pth\n")
    assert "SHA-256" in refused(path)


def test_a_digest_in_the_name_is_verified(tmp_path):
    digest = read_tensors(saved(tmp_path / "a.pth")).sha256
    (tmp_path / "a.pth").rename(tmp_path / f"net-{digest[:8]}.pth")
    assert read_tensors(tmp_path / f"net-{digest[:8]}.pth").sha256 == digest
    assert "1234abcd" in refused(saved(tmp_path / "net-1234abcd.pth"))
    assert read_tensors(saved(tmp_path / "net-20240131.pth")).tensors  # a date


def test_a_tensor_larger_than_its_file_is_refused(tmp_path):
    huge = torch.zeros(1).expand(1_000_000)
    assert "larger than the file" in refused(saved(tmp_path / "a.pth", {"fc.weight": huge}))


@pytest.mark.parametrize("place", ["state_dict", "model", "net", None])
def test_the_weights_are_found_where_scripts_keep_them(tmp_path, place):
    content = {place: WEIGHTS, "epoch": 3} if place else WEIGHTS
    file = read_tensors(saved(tmp_path / "a.th", content))
    assert {name: tensor.tolist() for name, tensor in file.tensors.items()} == {
        name: tensor.tolist() for name, tensor in WEIGHTS.items()
    }


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_is_refused_or_harmless(tmp_path_factory, data):
    """Each flipped byte ends in a UserError or in tensors, never in another exception."""
    folder = tmp_path_factory.mktemp("damage")
    old = data.draw(st.booleans())
    content = bytearray(saved(folder / "a.pth", _use_new_zipfile_serialization=not old).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    (folder / "a.pth").write_bytes(content)
    with contextlib.suppress(UserError):
        assert read_tensors(folder / "a.pth").tensors
