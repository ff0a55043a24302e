"""Device and precision of a run, by hardware and by request."""

import pytest
import torch

from resnet_lab.engine import precision
from resnet_lab.engine.precision import autocast, be_deterministic, resolve_device, resolve_dtype, use_precision
from resnet_lab.errors import UserError
from resnet_lab.spec import Precision

CPU = torch.device("cpu")


def test_auto_is_cuda_where_present_else_the_cpu(monkeypatch):
    for present, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda present=present: present)
        assert resolve_device("auto") == torch.device(expected)
    assert resolve_device("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpu", "there is no device 'gpu': use auto, cpu or cuda"),
        ("", "use auto, cpu or cuda"),
        ("cuda:-1", "use auto, cpu or cuda"),
        ("meta", "device 'meta' is not supported: use auto, cpu or cuda"),
        ("cuda:99", "device 'cuda:99' is not on this machine: use --device cpu"),
    ],
)
def test_a_device_that_cannot_be_used_is_reported_in_one_line(name, says):
    with pytest.raises(UserError) as raised:
        resolve_device(name)
    assert says in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_cuda_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match="use --device cpu"):
        resolve_device("cuda")


@pytest.mark.parametrize(
    ("asked", "has_bf16", "expected"),
    [
        (Precision.AUTO, True, torch.bfloat16),
        (Precision.AUTO, False, torch.float32),
        (Precision.FP32, True, torch.float32),
        (Precision.BF16, False, torch.bfloat16),
    ],
)
def test_auto_is_bf16_only_where_the_hardware_computes_in_it(monkeypatch, asked, has_bf16, expected):
    monkeypatch.setattr(precision, "_has_bf16", lambda _: has_bf16)
    assert resolve_dtype(asked, CPU) == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16)])
def test_gpus_compute_in_bf16_from_ampere_on(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert resolve_dtype(Precision.AUTO, torch.device("cuda")) == expected


def test_a_processor_without_bf16_units_and_a_torch_that_does_not_know_compute_in_fp32(monkeypatch):
    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, check, lambda: False, raising=False)
    assert resolve_dtype(Precision.AUTO, CPU) == torch.float32
    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, check)
    assert resolve_dtype(Precision.AUTO, CPU) == torch.float32


FLAGS = ((torch.backends.cudnn, "allow_tf32"), (torch.backends.cuda.matmul, "allow_tf32"))


@pytest.mark.parametrize(
    ("asked", "expected"), [(Precision.FP32, False), (Precision.BF16, False), (Precision.AUTO, False), ("tf32", True)]
)
def test_float32_products_of_a_gpu_are_float32_unless_tf32_is_asked_for(monkeypatch, asked, expected):
    before = [getattr(place, name) for place, name in FLAGS]
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    try:
        for place, name in FLAGS:
            setattr(place, name, not expected)
        dtype = use_precision(Precision(asked), torch.device("cuda"))
        assert [getattr(place, name) for place, name in FLAGS] == [expected, expected]
    finally:
        for (place, name), value in zip(FLAGS, before, strict=True):
            setattr(place, name, value)
    assert dtype == (torch.float32 if asked in ("fp32", "tf32") else torch.bfloat16)


def test_tf32_is_refused_in_a_sentence_where_nothing_multiplies_in_it(monkeypatch):
    with pytest.raises(UserError, match="the device is cpu: use fp32"):
        resolve_dtype(Precision.TF32, CPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    with pytest.raises(UserError, match="needs a GPU of compute capability"):
        resolve_dtype(Precision.TF32, torch.device("cuda"))


def test_autocast_computes_products_in_its_type_and_fp32_changes_nothing():
    x = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    with autocast(CPU, torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
    with autocast(CPU, torch.float32):
        assert torch.equal(x @ x, torch.matmul(x, x))
        assert (x @ x).dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")


def test_deterministic_algorithms_fill_no_fresh_memory(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    for name in ("deterministic", "benchmark"):
        monkeypatch.setattr(torch.backends.cudnn, name, getattr(torch.backends.cudnn, name))
    filled = torch.utils.deterministic.fill_uninitialized_memory
    try:
        be_deterministic()
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
        assert torch.backends.cudnn.deterministic
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = filled
