"""Energy meter: counters that wrap around, and machines without any."""

from pathlib import Path

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
    assert meter.stop() == pytest.approx((300 + 200) * 1e-6)


def test_every_wrap_is_seen_where_the_counter_is_read_in_between(tmp_path):
    counter = package(tmp_path, "intel-rapl:0", 0)
    meter = Meter(tmp_path)
    for _ in range(3):
        for value in ("600", "200"):
            counter.write_text(value)
            meter._count()
    assert meter.stop() == pytest.approx((3 * 1000 + 200) * 1e-6)


def test_none_where_no_counter_can_be_read(tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()
    assert Meter(tmp_path).stop() is None
    assert Meter(tmp_path / "none").stop() is None
