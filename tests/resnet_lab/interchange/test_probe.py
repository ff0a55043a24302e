"""Probes: images and logits prove what tensors cannot tell, or the import is refused and nothing is written."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from resnet_lab.checkpoint import load_model
from resnet_lab.errors import UserError
from resnet_lab.interchange.__main__ import main
from resnet_lab.interchange.importing import import_checkpoint
from resnet_lab.interchange.probe import proven

IMAGES = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model(foreign):
    return foreign("resnet18", num_classes=10)


@pytest.fixture(scope="module")
def file(foreign, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "resnet18.pth"
    torch.save(foreign("resnet18", num_classes=10).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def refused(file):
    imported = import_checkpoint(file)

    def refuse(path, match):
        with pytest.raises(UserError, match=match):
            proven(imported, path)

    return refuse


def logits_of(model, images=IMAGES):
    with torch.no_grad():
        return model(images)


def save(path, **arrays):
    if path.suffix == ".npz":
        np.savez_compressed(path, **{name: each.numpy() for name, each in arrays.items()})
    elif path.suffix == ".safetensors":
        save_file(arrays, path)
    else:
        torch.save(arrays, path)
    return path


@pytest.mark.parametrize("ending", [".pt", ".npz", ".safetensors"])
def test_equal_logits_are_recorded_and_survive_on_disk(tmp_path, capsys, model, file, ending):
    probe = save(tmp_path / f"probe{ending}", input=IMAGES, logits=logits_of(model))
    main(["import", str(file), "--out", str(tmp_path / "ours"), "--probe", str(probe), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["probed"]["images"] == 3
    assert report["probed"]["difference"] < 1e-4
    assert report["notes"] == [f"probe: 3 images, largest relative difference {report['probed']['difference']:.1e}"]
    kept = load_model(tmp_path / "ours").provenance.probed
    assert (kept.file, kept.images) == (probe.name, 3)


def test_without_a_probe_the_report_says_what_tensors_cannot_tell(tmp_path, capsys, file):
    main(["import", str(file), "--out", str(tmp_path / "ours"), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert "probed" not in report
    (note,) = report["notes"]
    assert all(word in note for word in ("activation", "pooling", "anti-aliasing", "stride", "--probe"))
    main(["import", str(file), "--out", str(tmp_path / "ours")])
    assert note in capsys.readouterr().out
    main(["import", str(tmp_path / "ours"), "--out", str(tmp_path / "again")])
    assert note in capsys.readouterr().out


def max_pooled(model):
    model.avgpool = nn.AdaptiveMaxPool2d(1)


def other_activation(model):
    for block in model.modules():
        if hasattr(block, "relu"):
            block.relu = nn.SiLU()


def output_stride_16(model):
    for module in model.layer4.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)


def anti_aliased(model):
    model.maxpool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.AvgPool2d(3, 2, 1))


@pytest.mark.parametrize("alter", [max_pooled, other_activation, output_stride_16, anti_aliased])
@pytest.mark.parametrize("partial", [[], ["--allow-partial"]])
def test_what_has_no_tensors_is_found_and_nothing_is_written(tmp_path, capsys, model, file, alter, partial):
    alter(model)
    probe = save(tmp_path / "probe.pt", input=IMAGES, logits=logits_of(model))
    with pytest.raises(SystemExit) as stop:
        main(["import", str(file), "--out", str(tmp_path / "ours"), "--probe", str(probe), *partial])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert "computes other logits than those in" in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not (tmp_path / "ours").exists()


class Trap:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return (os.mkdir, (str(self.victim),))


@pytest.mark.parametrize("ending", [".pt", ".npz"])
def test_no_code_of_a_probe_runs(tmp_path, refused, ending):
    trap = Trap(tmp_path / "victim")
    path = tmp_path / f"probe{ending}"
    if ending == ".pt":
        torch.save({"input": trap, "logits": IMAGES}, path)
    else:
        np.savez(path, input=np.array([trap], dtype=object), logits=np.zeros(3))
    refused(path, "read safely|more than numbers")
    assert not (tmp_path / "victim").exists()


def npz_member(shape, data=b""):
    """An archive whose `input` claims a shape."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("input.npy", header.getvalue() + data)
    return content.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04torn", npz_member((10**12,)), npz_member((2, 3), b"\0\0")])
def test_a_damaged_archive_is_refused_and_takes_no_memory(tmp_path, refused, content):
    (tmp_path / "probe.npz").write_bytes(content)
    refused(tmp_path / "probe.npz", "is damaged, too large or holds more than numbers")


def test_a_file_over_the_limit_is_not_read(tmp_path, refused):
    with (tmp_path / "probe.npz").open("wb") as sparse:
        sparse.truncate(2**30 + 1)
    refused(tmp_path / "probe.npz", "give fewer images")
    refused(tmp_path / "none.npz", "cannot read the probe")


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"input": IMAGES}, "has no `logits`"),
        ({"input": (255 * IMAGES).to(torch.uint8), "logits": torch.ones(3, 10)}, "`input` .* is uint8"),
        ({"input": IMAGES[:, :1], "logits": torch.ones(3, 10)}, "not float any x 3 x any x any"),
        ({"input": IMAGES, "logits": torch.ones(3, 7)}, "is float32 3 x 7, not float any x 10"),
        ({"input": IMAGES, "logits": torch.ones(2, 10)}, "has 3 images and logits of 2"),
        ({"input": IMAGES, "logits": torch.full((3, 10), torch.nan)}, "`logits` .* is not finite"),
        ({"input": IMAGES[:0], "logits": torch.ones(0, 10)}, "is float32 0 x 3"),
        ({"input": torch.ones(3, 3, 64, 64), "logits": torch.ones(3, 10)}, "hides a stride"),
        ({"input": IMAGES[:, :, :32, :32].contiguous(), "logits": torch.ones(3, 10)}, "hides what pooling it is"),
        ({"input": IMAGES, "logits": torch.zeros(3, 10)}, "differ by inf"),
    ],
)
def test_what_proves_nothing_is_refused_with_what_to_save(tmp_path, refused, arrays, match):
    refused(save(tmp_path / "probe.pt", **arrays), match)
