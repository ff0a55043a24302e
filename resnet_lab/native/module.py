"""A network whose body runs in the kernels, behind autograd: its parameters stay the modules' own."""

import ctypes
from typing import Any

import torch
from torch import Tensor, nn

from resnet_lab.native.compiler import NoKernelsError, library, made_by
from resnet_lab.native.lowering import LoweredNetwork, UnsupportedError, check, lower
from resnet_lab.networks.resnet import ResNet

# A core in the kernels does what two do in torch's own operations (benchmarks/NOTES.md).
MAX_THREADS = 2


def accelerate(
    model: nn.Module, dtype: torch.dtype, device: torch.device, *, varies: bool = False
) -> tuple[nn.Module, str]:
    """Return the network in the kernels, or as it is, and in a few words which of both and why.

    The kernels take networks on a CPU, in float32 or bfloat16, in a process of few threads: they use one. `varies` says
    that some blocks are left out of some steps, which no program does.
    """
    try:
        _check_process(device)
        if varies:
            raise UnsupportedError("each mini-batch trains other blocks")
        check(model)
        kernels = library(dtype)
    except (UnsupportedError, NoKernelsError) as error:
        return model, f"torch: {error}"
    assert isinstance(model, ResNet)
    return NativeNetwork(model, kernels, dtype), "native"


def _check_process(device: torch.device) -> None:
    if device.type != "cpu":
        raise UnsupportedError(f"the device is {device.type}")
    if torch.are_deterministic_algorithms_enabled():
        raise UnsupportedError("deterministic algorithms were asked for, whose sums are torch's own")
    if (threads := torch.get_num_threads()) > MAX_THREADS:
        raise UnsupportedError(f"this process has {threads} threads")


class NativeNetwork(nn.Module):
    """[N, C, H, W] images in channels_last -> [N, classes] logits, as `model` computes them, to rounding.

    In training a program is run forward and then backward before it is run forward again; gradients are added to the
    parameters' as by torch. Activations are rounded to `dtype`; convolutions of stride 1 go by Winograd's F(4x4, 3x3)
    in float32, whose rounding error is some ten times that of a direct sum and a hundredth of bfloat16's.
    """

    def __init__(self, model: ResNet, kernels: ctypes.CDLL, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.dtype = dtype
        self.compiler = made_by(kernels)
        """What compiled the kernels, with its version."""
        self._kernels = kernels
        self._lowered: dict[tuple[Any, ...], LoweredNetwork] = {}
        self._anchor = torch.zeros((), requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and not self.training:  # a gradient at fixed statistics has no program
            return self.model(x)  # type: ignore[no-any-return]  # nn.Module calls are untyped
        features = _Run.apply(self._anchor, x, self._lowered_for(x))
        return self.model.fc(features)  # type: ignore[no-any-return]  # nn.Module calls are untyped

    def _lowered_for(self, x: Tensor) -> LoweredNetwork:
        training = self.training
        key = (tuple(x.shape), training)
        if key not in self._lowered:
            n, channels, height, width = x.shape
            shape = (n, height, width, channels)
            self._lowered[key] = lower(self.model, self._kernels, shape, self.dtype, training=training)
        return self._lowered[key]


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, _: Tensor, x: Tensor, lowered: LoweredNetwork) -> Tensor:
        n, channels, height, width = x.shape
        lowered.images.view(n, height, width, channels).copy_(x.permute(0, 2, 3, 1))
        lowered.program.run_forward()
        lowered.generation += 1
        ctx.lowered, ctx.generation = lowered, lowered.generation
        return lowered.features.view(n, -1).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        lowered: LoweredNetwork = ctx.lowered
        if ctx.generation != lowered.generation:
            raise RuntimeError("the network was run again before this gradient was taken: its activations are gone")
        lowered.gradient.view(*gradient.shape).copy_(gradient)
        # The program writes where it wrote last time, which may be what the parameters hold.
        held = [None if parameter.grad is None else parameter.grad.clone() for parameter, _ in lowered.parameters]
        lowered.program.run_backward()
        for (parameter, fresh), before in zip(lowered.parameters, held, strict=True):
            parameter.grad = fresh if before is None else before + fresh
        return None, None, None
