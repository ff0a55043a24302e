"""Energy meter: counters that wrap around, and machines without any."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from resnet_lab.system.energy import Meter


def package(root: Path, name: str, value: int, limit: int = 999) -> Path:
    (root / name).mkdir()
    (root / name / "max_energy_range_uj").write_text(f"{limit}\n")
    (root / name / "energy_uj").write_text(f"{value}\n")
    return root / name / "energy_uj"


def test_joules_of_all_packages_with_a_counter_that_wraps_around(tmp_path):
    first, second = package(tmp_path, "intel-rapl:0", 100), package(tmp_path, "intel-rapl:1", 900)
    part = package(tmp_path, "intel-rapl:0:0", 0)
    meter = Meter(tmp_path)
    first.write_text("400\n")
    second.write_text("100\n")  # 900 to 999, then on from 0
    part.write_text("500\n")
    assert meter.stop().total == pytest.approx((300 + 200) * 1e-6)


def test_every_wrap_is_seen_where_the_counter_is_read_in_between(tmp_path):
    counter = package(tmp_path, "intel-rapl:0", 0)
    meter = Meter(tmp_path)
    for _ in range(3):
        for value in ("600", "200"):
            counter.write_text(value)
            meter._count()
    assert meter.stop().total == pytest.approx((3 * 1000 + 200) * 1e-6)


def test_none_where_no_counter_can_be_read(tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()
    assert Meter(tmp_path).stop().total is None
    assert Meter(tmp_path / "none").stop().total is None


class NVMLError(Exception):
    """As the library raises it."""


def library(broken=()):
    """NVIDIA's management library with two GPUs whose counters grow by a joule and by two a look."""
    counters = {0: 5000, 1: 7000}

    def energy(gpu):
        if gpu in broken:
            raise NVMLError
        counters[gpu] += 1000 * (gpu + 1)
        return counters[gpu]

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetHandleByUUID={"GPU-a": 0, "GPU-b": 1}.__getitem__,
        nvmlDeviceGetTotalEnergyConsumption=energy,
    )


@pytest.mark.parametrize(("visible", "joules"), [(None, 3.0), ("1", 2.0), ("GPU-a", 1.0)])
def test_gpus_that_are_visible_are_counted_with_the_packages(tmp_path, monkeypatch, visible, joules):
    monkeypatch.setitem(sys.modules, "pynvml", library())
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    counter = package(tmp_path, "intel-rapl:0", 0)
    meter = Meter(tmp_path, device="cuda")
    counter.write_text("500\n")
    found = meter.stop()
    assert (found.packages, found.gpus) == (pytest.approx(500e-6), pytest.approx(joules))
    assert Meter(tmp_path).stop().gpus == 0.0, "on the processor they are nobody's"


def test_a_gpu_that_cannot_be_read_leaves_the_sum_unknown(tmp_path, monkeypatch):
    package(tmp_path, "intel-rapl:0", 0)
    for found in (None, library(broken=(1,))):
        monkeypatch.setitem(sys.modules, "pynvml", found)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        assert Meter(tmp_path, device="cuda").stop().total is None
