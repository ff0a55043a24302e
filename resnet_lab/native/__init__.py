"""Training steps of residual networks compiled for one core of this CPU: `accelerate(model, ...)`.

`kernels/*.c` hold the arithmetic, `compiler` builds them once per machine, `program` lays a network out as a list of
calls over buffers of its own, `lowering` reads that list off the modules, `module` puts it behind autograd.
"""

from resnet_lab.native.module import NativeNetwork, accelerate

__all__ = ["NativeNetwork", "accelerate"]
