"""Kernels of a session: this project's own where they compute the network, else torch's, and in a few words why.

On a CPU they are compiled C (`resnet_lab.native`), on a GPU Triton (`resnet_lab.fused`). Those of a GPU are believed
only after a check against torch's on a batch of noise, and `auto` takes them only where a short race shows them to be
faster; the answer is remembered by card and network.
"""

import copy
import hashlib
import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

import resnet_lab.fused
from ablations.block import ResidualBlock
from resnet_lab.engine.graph_capture import CudaGraphCapture, GraphCapture
from resnet_lab.engine.precision import autocast
from resnet_lab.errors import UserError
from resnet_lab.fused.network import FusedNetwork, is_fusible
from resnet_lab.native import accelerate
from resnet_lab.networks.resnet import ResNet
from resnet_lab.rng import GLOBAL_RNG_LOCK
from resnet_lab.spec.choices import Kernels
from resnet_lab.system import cache

FOLDER = "fused"  # of the cache
TOLERANCE = 0.01
"""Relative error that a check allows besides twice that of torch's kernels, against torch's in float32."""
GAIN = 1.02  # what the fused kernels must bring
WARM_UP, REPLAYS, ROUNDS = 3, 20, 3
FUSED = "fused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a network is checked and raced on."""

    shape: tuple[int, int, int, int]
    """Of a mini-batch, [N, C, H, W]."""
    dtype: torch.dtype
    device: torch.device

    def noise(self) -> Tensor:
        """Return a batch of noise, the same each time and on each device."""
        noise = torch.randn(self.shape, generator=torch.Generator().manual_seed(0))
        return noise.to(self.device).contiguous(memory_format=torch.channels_last)


def require_kernels(asked: Kernels, device: torch.device) -> None:
    """Raise UserError for fused kernels on a CPU."""
    if asked == Kernels.FUSED and device.type != "cuda":
        raise UserError(f"--kernels fused are a GPU's, and the device is {device}: use auto or torch")


def choose_kernels(
    model: nn.Module, sample: Sample, asked: Kernels = Kernels.AUTO, *, varies: bool = False
) -> tuple[nn.Module, str]:
    """Return the network in the kernels that were asked for, or as it is, and which of both and why.

    `varies` says that some blocks are left out of some steps. Raises UserError for what the device has not.
    """
    require_kernels(asked, sample.device)
    if asked == Kernels.TORCH:
        return model, "torch: asked for"
    if sample.device.type != "cuda":
        return accelerate(model, sample.dtype, sample.device, varies=varies)
    reason = why_torch(model, sample, asked)
    if reason or not isinstance(model, ResNet):
        return model, f"torch: {reason}"
    return FusedNetwork(model), FUSED


def why_torch(model: nn.Module, sample: Sample, asked: Kernels) -> str:
    """Return why the fused kernels are not taken, empty where they are."""
    if not isinstance(model, ResNet):
        return "the fused kernels take residual networks of the block factory"
    if not any(is_fusible(module) for module in model.modules()):
        return "the network has no batch norm to fuse"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    return _remembered(_key(model, sample, asked), lambda: why_slower_or_wrong(model, sample, asked))


def why_slower_or_wrong(
    model: ResNet,
    sample: Sample,
    asked: Kernels,
    seconds: Callable[[nn.Module, Sample], float] | None = None,
) -> str:
    """Return what a check of the fused kernels found against them, and for `auto` a race; empty where nothing.

    `seconds` takes a network and returns the time of a forward and a backward pass of it.
    """
    plain, fused = _without_noise(model), FusedNetwork(_without_noise(model))
    try:
        for dtype in dict.fromkeys((torch.float32, sample.dtype)):
            worst, allowed = errors(plain, fused, replace(sample, dtype=dtype))
            if not worst <= allowed:  # which holds for what is no number, too
                return f"the fused kernels differ from torch's by {worst:.2g}"
        times = race([plain, fused], sample, seconds or captured_seconds) if asked == Kernels.AUTO else (1.0, 0.0)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever a compiler raises
        return f"the fused kernels failed: {str(error).strip().partition(chr(10))[0] or type(error).__name__}"
    return "" if times[0] > GAIN * times[1] else "the fused kernels are not faster here"


def errors(plain: nn.Module, fused: nn.Module, sample: Sample) -> tuple[float, float]:
    """Return the relative error of the fused kernels' logits and gradients, and how large it may be.

    Both are of the worse of the two. What is right is torch's float32.
    """
    right, torchs = (_outcome(plain, sample, dtype) for dtype in (torch.float32, sample.dtype))
    found = _outcome(fused, sample, sample.dtype)
    worst = max(_distance(a, b) for a, b in zip(found, right, strict=True))
    return worst, TOLERANCE + 2 * max(_distance(a, b) for a, b in zip(torchs, right, strict=True))


def race(networks: list[nn.Module], sample: Sample, seconds: Callable[[nn.Module, Sample], float]) -> tuple[float, ...]:
    """Return the least time of each network's step, in rounds that take turns."""
    rounds = [[seconds(network, sample) for network in networks] for _ in range(ROUNDS)]
    return tuple(min(times) for times in zip(*rounds, strict=True))


def captured_seconds(network: nn.Module, sample: Sample, capture: GraphCapture | None = None) -> float:
    """Return the time of a forward and a backward pass, captured as a step of training is."""
    capture = capture or CudaGraphCapture(sample.device)
    x = sample.noise()

    def work() -> None:
        with autocast(sample.device, sample.dtype, cache=False):
            loss = network(x).float().square().mean()
        loss.backward()
        for parameter in network.parameters():
            parameter.grad = None

    with capture.stream_context():
        for _ in range(WARM_UP):
            work()
        replay = capture.record(work)
        replay()
        _wait(sample.device)
        start = time.perf_counter()
        for _ in range(REPLAYS):
            replay()
        _wait(sample.device)
        elapsed = time.perf_counter() - start
        with GLOBAL_RNG_LOCK:  # a graph that dies changes what a capture in another thread reads
            del replay
    return elapsed / REPLAYS


def _outcome(network: nn.Module, sample: Sample, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return logits and all gradients, in one row each, of a pass in training."""
    with autocast(sample.device, dtype, cache=False):
        logits = network(sample.noise())
    logits.float().square().mean().backward()
    parameters = list(network.parameters())
    gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
    for each in parameters:
        each.grad = None
    return logits.detach().float().flatten(), torch.cat([each.flatten() for each in gradients])


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm().clamp(min=1e-12))


def _without_noise(model: ResNet) -> ResNet:
    """Return a copy of the network that drops nothing, in training."""
    twin = copy.deepcopy(model).train()
    for module in twin.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, ResidualBlock):
            module.drop_path = 0.0
    return twin


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def _key(model: ResNet, sample: Sample, asked: Kernels) -> str:
    """Return what the answer depends on, as the name of a file."""
    folder = Path(resnet_lab.fused.__file__).parent
    name, major = torch.cuda.get_device_name(sample.device), torch.cuda.get_device_capability(sample.device)
    parts = (repr(model), sample.shape, str(sample.dtype), name, major, torch.__version__, asked.value)
    return hashlib.sha256(repr((*parts, cache.digest_of([folder]))).encode()).hexdigest() + ".json"


def _remembered(key: str, find: Callable[[], str]) -> str:
    """Return the answer that is kept under a key, or find and keep it; one trial of a process at a time."""
    if (kept := cache.read(FOLDER, key)) is not None:  # without the lock: a capture of another trial may hold it
        return str(json.loads(kept))
    with GLOBAL_RNG_LOCK:
        if (kept := cache.read(FOLDER, key)) is not None:
            return str(json.loads(kept))
        reason = find()
        cache.keep(FOLDER, key, json.dumps(reason).encode())
        return reason
