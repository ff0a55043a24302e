"""GPUs of a launch, from lists that stand for them: which are visible, which are asked for, one member for each."""

import os
from types import SimpleNamespace

import pytest
import torch

from resnet_lab.errors import UserError
from resnet_lab.runner.fleet import gpus, placement
from resnet_lab.runner.fleet.gpus import choose_gpus, make_gpu_fleet, visible_gpus
from resnet_lab.spec import RunSpec
from resnet_lab.trials.worker_settings import WorkerSettings

SETTINGS = WorkerSettings(data_dir=None, device="cuda", environment={})


@pytest.mark.parametrize(
    ("variable", "count", "expected"),
    [
        (None, 4, ("0", "1", "2", "3")),
        ("2,5", 2, ("2", "5")),
        ("GPU-8a, GPU-9b", 2, ("GPU-8a", "GPU-9b")),
        ("", 0, ()),
        ("0,1,7", 2, ("0", "1")),  # torch stops at the first that is not there
        ("MIG-1a,MIG-2b,MIG-1a", 1, ("MIG-1a", "MIG-2b")),  # CUDA shows a process one slice
    ],
)
def test_visible_gpus_go_by_the_names_that_the_environment_gives_them(variable, count, expected, monkeypatch):
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    if variable is not None:
        monkeypatch.setenv(gpus.VISIBLE, variable)
    assert visible_gpus(count) == expected


LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-8a0f)
  MIG 3g.20gb     Device  0: (UUID: MIG-1a)
  MIG 3g.20gb     Device  1: (UUID: MIG-2b)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-9b1e)
GPU 10: NVIDIA A100-SXM4-40GB (UUID: GPU-ab22)
  MIG 7g.40gb     Device  0: (UUID: MIG-3c)
"""


@pytest.mark.parametrize(
    ("variable", "count", "expected"),
    [
        (None, 2, ("MIG-1a", "MIG-2b", "1")),
        ("1", 1, ("1",)),
        ("10", 1, ("MIG-3c",)),
        ("GPU-8a,GPU-9b1e", 2, ("MIG-1a", "MIG-2b", "GPU-9b1e")),
        ("MIG-2b", 1, ("MIG-2b",)),
    ],
)
def test_every_slice_of_a_gpu_that_is_cut_counts_as_one(variable, count, expected, monkeypatch):
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    if variable is not None:
        monkeypatch.setenv(gpus.VISIBLE, variable)
    assert visible_gpus(count, LISTING) == expected


def test_slices_are_listed_only_where_there_are_any(monkeypatch, tmp_path):
    monkeypatch.setattr(gpus, "SLICES", tmp_path)
    monkeypatch.setattr(gpus.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=LISTING))
    assert gpus.list_slices() == ""
    (tmp_path / "gpu0" / "mig" / "gi1").mkdir(parents=True)
    assert gpus.list_slices() == LISTING


def test_devices_are_places_among_the_visible():
    assert choose_gpus(None, ("2", "5", "6")) == ("2", "5", "6")
    assert choose_gpus("0,2", ("2", "5", "6")) == ("2", "6")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("0,3", "there is no GPU 3: this machine shows 3 GPUs, counted from 0"),
        ("0,0", "listed twice"),
        ("1,01", "listed twice"),
        ("", "give numbers"),
        ("cuda:1", "give numbers of GPUs with commas between, such as 0,1,3"),
        ("-1", "give numbers"),
    ],
)
def test_devices_that_are_not_there_are_refused_in_a_sentence(asked, why):
    with pytest.raises(UserError, match=f"--devices {asked}: .*{why}"):
        choose_gpus(asked, ("0", "1", "2"))


def test_each_gpu_has_a_member_that_sees_it_alone(monkeypatch):
    made = []

    def packed(**arguments):
        made.append(arguments)
        return SimpleNamespace(slots=arguments["slots"])

    monkeypatch.setattr(gpus, "PackedExecutor", packed)
    fleet = make_gpu_fleet(("2", "6"), slots=4, settings=SETTINGS, threads=0, runs=iter([RunSpec()]))
    assert fleet.slots == 8
    assert [(each["settings"].gpu, each["settings"].device) for each in made] == [("2", "cuda"), ("6", "cuda")]
    assert all(each["runs"] == [RunSpec()] for each in made)


class Asked:
    device, jobs, data_dir, devices, cluster = "auto", 3, None, None, None


@pytest.fixture
def four_gpus(monkeypatch):
    """A machine that seems to have four GPUs."""
    monkeypatch.setenv(gpus.VISIBLE, "4,5,6,7")
    monkeypatch.setattr("resnet_lab.runner.resources.may_have_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.usefixtures("four_gpus")
def test_a_launch_uses_all_visible_gpus_or_those_it_is_given():
    found = placement.place(Asked(), [])
    assert (found.device, found.jobs, found.slots, found.text) == ("cuda", 3, 12, "4 GPUs")
    chosen = Asked()
    chosen.devices = "1,3"
    found = placement.place(chosen, [])
    assert (found.slots, found.text, os.environ[gpus.VISIBLE]) == (6, "2 GPUs", "5,7")


@pytest.mark.usefixtures("four_gpus")
def test_one_gpu_needs_no_fleet_and_a_cpu_takes_no_list():
    one = Asked()
    one.devices = "2"
    assert (placement.place(one, []).text, os.environ[gpus.VISIBLE]) == ("", "6")
    one.device = "cpu"
    with pytest.raises(UserError, match="--devices 2 lists GPUs, and none is used"):
        placement.place(one, [])
    one.cluster = "auto"
    with pytest.raises(UserError, match="give one"):
        placement.place(one, [])


@pytest.mark.usefixtures("four_gpus")
def test_one_gpu_by_its_place_is_the_only_one_that_workers_see(monkeypatch):
    one = Asked()
    one.device = "cuda:2"
    found = placement.place(one, [])
    assert (found.device, found.slots, found.text, os.environ[gpus.VISIBLE]) == ("cuda", 3, "", "6")
    monkeypatch.setenv(gpus.VISIBLE, "GPU-8a,GPU-9b,GPU-cc,GPU-ff")
    assert (placement.place_alone(one, RunSpec()), os.environ[gpus.VISIBLE]) == ("cuda", "GPU-cc")


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(
    ("device", "devices", "why"),
    [
        ("cuda:4", None, "--device cuda:4 is not on this machine, which shows 4 GPUs, counted from 0"),
        ("cuda:x", None, "there is no device 'cuda:x': use auto, cpu or cuda"),
        ("cuda:1", "0,1", "give one of the two"),
    ],
)
def test_a_gpu_that_is_not_there_is_refused_in_a_sentence(device, devices, why):
    one = Asked()
    one.device, one.devices = device, devices
    with pytest.raises(UserError, match=why):
        placement.place(one, [])
