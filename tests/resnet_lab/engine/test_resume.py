"""Resume state: what was written comes back, and a damaged file counts as none."""

import hashlib
import io

import pytest
import torch

from resnet_lab.engine.resume import AsyncStateWriter, async_state_writer, load_state

STATE = {"epoch": 3, "lr": 0.1, "model": {"weight": torch.arange(4.0)}, "rng": torch.get_rng_state(), "seen": [1, 2]}


def test_a_state_comes_back(tmp_path):
    with async_state_writer(tmp_path / "resume.pt") as writer:
        writer.save(STATE)
    state = load_state(tmp_path / "resume.pt")
    assert (state["epoch"], state["lr"], state["seen"]) == (3, 0.1, [1, 2])
    assert torch.equal(state["model"]["weight"], STATE["model"]["weight"])
    assert torch.equal(state["rng"], STATE["rng"])


def test_without_a_state_the_run_starts_again(tmp_path):
    assert load_state(tmp_path / "resume.pt") is None


@pytest.mark.parametrize("damage", ["empty", "short", "truncated", "first byte", "last byte", "plain torch.save"])
def test_a_damaged_state_is_none_at_all(tmp_path, damage):
    path = tmp_path / "resume.pt"
    with async_state_writer(path) as writer:
        writer.save(STATE)
    raw = path.read_bytes()
    if damage == "plain torch.save":
        torch.save(STATE, path)
    else:
        flipped = {"first byte": bytes([raw[0] ^ 1]) + raw[1:], "last byte": raw[:-1] + bytes([raw[-1] ^ 1])}
        cut = {"empty": b"", "short": raw[:31], "truncated": raw[:-1]}
        path.write_bytes((flipped | cut)[damage])
    assert load_state(path) is None


def test_tensors_come_back_in_their_layouts_and_with_memory_of_their_own(tmp_path):
    image = torch.rand(2, 3, 4, 4)
    given = {
        "channels last": image.to(memory_format=torch.channels_last),
        "transposed": torch.rand(3, 2).T,
        "part": torch.arange(10)[2:8:3],
        "step": torch.tensor(7.0),
        "none": torch.empty(0, 3),
        "bf16": torch.rand(3).bfloat16(),
        "learned": torch.rand(2, requires_grad=True),
        "deep": [({3: torch.ones(2, dtype=torch.int64)}, None, True)],
    }
    with async_state_writer(tmp_path / "resume.pt") as writer:
        writer.save(given)
    found = load_state(tmp_path / "resume.pt")
    for name in set(given) - {"deep"}:
        assert torch.equal(found[name], given[name]), name
        assert found[name].dtype == given[name].dtype
    assert found["channels last"].stride() == given["channels last"].stride()
    assert torch.equal(found["deep"][0][0][3], torch.ones(2))
    assert found["deep"][0][1:] == (None, True)
    assert len({tensor.untyped_storage().data_ptr() for tensor in (found["step"], found["channels last"])}) == 2


def test_a_state_of_before_tensors_were_laid_end_to_end_is_read(tmp_path):
    buffer = io.BytesIO()
    torch.save(STATE, buffer)
    (tmp_path / "resume.pt").write_bytes(hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
    assert torch.equal(load_state(tmp_path / "resume.pt")["model"]["weight"], STATE["model"]["weight"])


def test_a_writer_writes_what_the_state_was_and_not_what_it_has_become(tmp_path):
    weight = torch.zeros(3)
    with async_state_writer(tmp_path / "resume.pt") as writer:
        for epoch in (1, 2):
            weight.fill_(epoch)
            writer.save({"epoch": epoch, "weight": weight})
        weight.fill_(9)
    state = load_state(tmp_path / "resume.pt")
    assert (state["epoch"], state["weight"].tolist()) == (2, [2.0, 2.0, 2.0])


def test_an_error_leaves_the_last_state_on_the_disk(tmp_path):
    def stop():
        with async_state_writer(tmp_path / "resume.pt") as writer:
            writer.save({"epoch": 3})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert load_state(tmp_path / "resume.pt") == {"epoch": 3}


def test_a_full_disk_is_reported_with_the_next_state_or_at_the_end(tmp_path):
    writer = AsyncStateWriter(tmp_path / "gone" / "resume.pt")
    writer.save({"epoch": 1})
    with pytest.raises(FileNotFoundError):
        writer.save({"epoch": 2})

    def last():
        with async_state_writer(tmp_path / "gone" / "resume.pt") as writer:
            writer.save({"epoch": 1})

    with pytest.raises(FileNotFoundError):
        last()


def test_a_state_is_due_at_once_and_then_every_so_many_seconds(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("resnet_lab.engine.resume.time.monotonic", lambda: now[0])
    with async_state_writer(tmp_path / "state", every_s=10.0) as writer:
        assert writer.is_due
        writer.save({"epoch": 1})
        now[0] += 9.0
        assert not writer.is_due
        now[0] += 1.0
        assert writer.is_due
    with async_state_writer(tmp_path / "each") as writer:
        writer.save({"epoch": 1})
        assert writer.is_due, "every epoch on a CPU"
