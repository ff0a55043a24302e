"""Training steps of residual networks compiled for one core of this CPU: `accelerate(model, ...)`.

`kernels/*.c` hold the arithmetic, `compiler` builds them once a machine, `program` lays a network out as a list of
calls over buffers of its own, `walk` reads that list off the modules, `network` puts it behind autograd.
"""

from resnet_lab.native.module import NativeNetwork, accelerate

__all__ = ["NativeNetwork", "accelerate"]
