"""The C kernels as a shared library: compiled for this very processor on first use, kept in the user's cache."""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from resnet_lab.system.cache import cache_dir

KERNELS = Path(__file__).parent / "kernels"
# No errno and no traps: the only library function is sqrt, and nothing reads errno. Never fast-math, which would assume
# that nothing is infinite or not a number: a diverging trial is recognised by just that.
FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
DEFINES = {torch.float32: (), torch.bfloat16: ("-DBF16",)}
TIMEOUT_S = 120


class NoKernelsError(RuntimeError):
    """The kernels cannot be had on this machine; the message says why."""


@functools.cache
def library(dtype: torch.dtype) -> ctypes.CDLL:
    """Return the kernels whose activations lie in memory as `dtype` (float32 or bfloat16).

    The first call on a machine compiles them, in one or two seconds. Raises NoKernelsError where there is no working
    C compiler (`CC`, else cc, gcc or clang).
    """
    path = cache_dir("kernels") / f"{_key(dtype)}.so"
    try:
        kernels = ctypes.CDLL(str(path))
    except OSError:  # not there yet, or damaged
        _compile(dtype, path)
        kernels = _load(path)
    for name in ("winograd_scratch", "winograd_filter", "conv_scratch", "conv_filter"):
        getattr(kernels, name).restype = ctypes.c_long
    return kernels


def _load(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise NoKernelsError(f"the compiled kernels cannot be loaded: {error}") from None


def _compile(dtype: torch.dtype, path: Path) -> None:
    """Compile next to the final name and rename, so that workers that start together never load half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder) / path.name
        sources = sorted(map(str, KERNELS.glob("*.c")))
        command = [_compiler(), *FLAGS, *DEFINES[dtype], "-o", str(built), *sources, "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.CalledProcessError as error:
            raise NoKernelsError(f"{command[0]} failed: {error.stderr.strip().splitlines()[-1:]}") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoKernelsError(f"{command[0]} did not run: {error}") from None
        built.replace(path)


def _compiler() -> str:
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    raise NoKernelsError("there is no C compiler: install gcc or clang, or set CC")


@functools.cache
def _key(dtype: torch.dtype) -> str:
    """Name the library by all it depends on: sources, flags, compiler and processor."""
    digest = hashlib.sha256()
    for source in sorted(KERNELS.iterdir()):
        digest.update(source.read_bytes())
    compiler = _compiler()
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=TIMEOUT_S).stdout
    digest.update("\n".join([*FLAGS, *DEFINES[dtype], version, _processor()]).encode())
    return digest.hexdigest()[:20]


def _processor() -> str:
    """What `-march=native` looks at, as far as the system reports it: a cache on a shared disk serves many machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("flags", "Features", "model name", "model\t", "cpu family")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))
