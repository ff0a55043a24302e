"""Checkpoints: what was saved comes back, and damage is reported in one line."""

import dataclasses
import hashlib
import json

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from resnet_lab.checkpoint import load_model, parse_safetensors, save_model
from resnet_lab.data.load import load
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import DiskFullError, UserError
from resnet_lab.networks import build_network
from resnet_lab.provenance import MODEL_FILE, Normalisation, Provenance
from resnet_lab.spec import DataSpec, RunSpec
from resnet_lab.spec.fields import flatten, replace

TINY = replace(RunSpec(), {"model.depth": 8, "model.width": 4, "data.name": "digits", "recipe.lr": 0.05, "seed": 7})
IMAGES = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def trained(spec=TINY):
    """Return a network whose running statistics are no longer those of a new one."""
    model = build_network(spec.model, channels=1)
    initialise(model, spec.seed)
    model.train()(IMAGES)
    return model.eval()


@pytest.fixture
def saved(tmp_path):
    save_model(tmp_path, TINY, trained())
    return tmp_path / MODEL_FILE


def complaint(path) -> str:
    with pytest.raises(UserError) as raised:
        load_model(path)
    assert len(str(raised.value).splitlines()) == 1
    assert str(path) in str(raised.value)
    return str(raised.value)


def test_a_network_comes_back_with_its_spec_and_the_same_outputs(tmp_path):
    model = trained()
    digest = save_model(tmp_path, TINY, model)
    for path in (tmp_path, tmp_path / MODEL_FILE):
        checkpoint = load_model(path)
        assert (checkpoint.spec, checkpoint.sha256) == (TINY, digest)
        assert not checkpoint.model.training
        assert torch.equal(checkpoint.model(IMAGES), model(IMAGES))
    assert digest == hashlib.sha256((tmp_path / MODEL_FILE).read_bytes()).hexdigest()


def test_the_layout_of_a_networks_memory_does_not_matter(tmp_path):
    model = trained()
    digest = save_model(tmp_path, TINY, model)
    (tmp_path / "other").mkdir()
    assert save_model(tmp_path / "other", TINY, model.to(memory_format=torch.channels_last)) == digest


def test_equal_networks_give_equal_bytes(tmp_path):
    assert len({save_model(tmp_path, TINY, trained()) for _ in range(6)}) == 1


def test_the_file_is_plain_safetensors_with_the_spec_as_metadata(saved):
    with safe_open(saved, framework="pt") as file:
        assert json.loads(file.metadata()["spec"]) == flatten(TINY)
    assert load_file(saved).keys() == trained().state_dict().keys()


def test_saving_again_replaces_the_file_and_its_digest(saved):
    other = dataclasses.replace(TINY, seed=8)
    save_model(saved.parent, other, trained(other))
    assert load_model(saved).spec == other
    assert sorted(path.name for path in saved.parent.iterdir()) == [MODEL_FILE, MODEL_FILE + ".sha256"]


@pytest.mark.parametrize("place", [3, 100, -1])
def test_a_flipped_bit_is_noticed(saved, place):
    content = bytearray(saved.read_bytes())
    content[place] ^= 1
    saved.write_bytes(content)
    assert "has changed since it was written: its SHA-256 is not that in model.safetensors.sha256" in complaint(saved)


@pytest.mark.parametrize("keep_digest", [True, False])
@pytest.mark.parametrize("length", [0, 7, 1000, -1])
def test_a_truncated_file_is_noticed_with_or_without_its_digest(saved, length, keep_digest):
    saved.write_bytes(saved.read_bytes()[:length])
    if not keep_digest:
        saved.with_name(saved.name + ".sha256").unlink()
    assert ("has changed" if keep_digest else "is not a checkpoint of this project") in complaint(saved)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0123  model.safetensors\n"])
def test_a_damaged_digest_is_noticed(saved, content):
    saved.with_name(saved.name + ".sha256").write_bytes(content)
    assert "has changed" in complaint(saved)


def test_a_file_that_is_not_there_is_reported(tmp_path):
    assert "No such file or directory" in complaint(tmp_path / "absent" / MODEL_FILE)
    with pytest.raises(UserError, match="cannot read the checkpoint"):
        load_model(tmp_path)


def test_a_file_of_another_kind_is_reported(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a checkpoint\n" * 100)
    assert "is not a checkpoint of this project" in complaint(path)


@pytest.mark.parametrize(
    "metadata",
    [None, {}, {"format": "pt"}, {"spec": "{"}, {"spec": "[]"}, {"spec": '{"model.dpth": 20}'}],
)
def test_safetensors_from_elsewhere_are_reported(tmp_path, metadata):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata=metadata)
    assert "is not a checkpoint of this project" in complaint(path)


def test_tensors_that_do_not_fit_the_spec_are_reported(tmp_path):
    save_model(tmp_path, replace(TINY, {"model.depth": 14}), trained())
    assert "holds other tensors than its spec builds" in complaint(tmp_path / MODEL_FILE)


def test_a_failing_write_keeps_the_old_checkpoint(saved, monkeypatch):
    before = load_model(saved).sha256

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError, match=r"No space left on device: .*model\.safetensors needs"):
        save_model(saved.parent, dataclasses.replace(TINY, seed=8), trained())
    assert load_model(saved).sha256 == before


def test_a_file_is_parsed_from_memory_as_safetensors_reads_it_from_the_disk(saved):
    tensors, metadata = parse_safetensors(saved.read_bytes())
    with safe_open(saved, framework="pt") as file:
        assert metadata == file.metadata()
        assert list(tensors) == list(file.keys())
        assert all(torch.equal(tensor, file.get_tensor(name)) for name, tensor in tensors.items())


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 100, (5).to_bytes(8, "little") + b'{"a"}'], ids=repr)
def test_a_damaged_file_has_the_same_message_from_memory_as_from_the_disk(tmp_path, content):
    path = tmp_path / MODEL_FILE
    path.write_bytes(content)
    messages = []
    for read in (lambda: safe_open(path, framework="pt").__enter__(), lambda: parse_safetensors(content)):
        with pytest.raises(SafetensorError) as error:
            read()
        messages.append(str(error.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("how", ["channel", "per_pixel", "none"])
@pytest.mark.parametrize("given", ["channel", "per_pixel", "none"])
def test_images_are_prepared_as_the_network_was_trained(tmp_path, how, given):
    spec = replace(TINY, {"data.normalise": how})
    save_model(tmp_path, spec, trained(spec))
    found = load_model(tmp_path).prepare(load(DataSpec(name="digits", normalise=given)))
    expected = load(spec.data)
    assert torch.equal(found.mean, expected.mean)
    assert torch.equal(found.std, expected.std)
    assert found.normalise == how


def test_a_foreign_normalisation_is_undone_by_the_next_network(tmp_path):
    """Images prepared for an imported network do not pass as the data's own."""
    data, own = load(TINY.data), Normalisation(mean=(0.5,), std=(0.25,))
    for name in "ab":
        (tmp_path / name).mkdir()
    save_model(tmp_path / "a", TINY, trained(), Provenance(channels=1, classes=10, normalisation=own))
    save_model(tmp_path / "b", TINY, trained())
    foreign = load_model(tmp_path / "a").prepare(data)
    assert (foreign.mean.tolist(), foreign.std.tolist()) == ([0.5], [0.25])
    assert torch.equal(load_model(tmp_path / "b").prepare(foreign).mean, data.mean)
