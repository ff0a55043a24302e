"""The C kernels as a shared library: compiled for this very processor on first use, kept in the user's cache."""

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from resnet_lab.system import cache

KERNELS = Path(__file__).parent / "kernels"
FOLDER = "kernels"  # of the cache
# No errno and no traps: the only library function is sqrt, and nothing reads errno. Never fast-math, which would assume
# that nothing is infinite or not a number: a diverging trial is recognised by just that.
FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
DEFINES = {torch.float32: (), torch.bfloat16: ("-DBF16",)}
TIMEOUT_S = 120
_MADE_BY = "made_by"  # attribute of a loaded library


class NoKernelsError(RuntimeError):
    """The kernels cannot be had on this machine; the message says why."""


@functools.cache
def library(dtype: torch.dtype) -> ctypes.CDLL:
    """Return the kernels whose activations lie in memory as `dtype` (float32 or bfloat16).

    The first call on a machine compiles them, in one or two seconds. Where there is no working C compiler (`CC`, else
    cc, gcc or clang), what another one made of the same sources for this processor serves. Raises NoKernelsError where
    there is neither.
    """
    try:
        kernels = _own(dtype)
    except NoKernelsError:
        others = _of_another_compiler(dtype)
        if others is None:
            raise
        kernels = others
    for name in ("winograd_scratch", "winograd_filter", "conv_scratch", "conv_filter"):
        getattr(kernels, name).restype = ctypes.c_long
    return kernels


def _own(dtype: torch.dtype) -> ctypes.CDLL:
    """Return the library of this machine's compiler, from the cache or compiled now."""
    name = f"{_key(dtype)}-{_compiler_key()}.so"
    kept = cache.find(FOLDER, name)
    if kept is not None:
        with contextlib.suppress(NoKernelsError):  # a cache on a shared disk may be of a machine with another libc
            return _load(kept)
    try:
        with tempfile.TemporaryDirectory(prefix="resnet-lab-") as folder:
            built = _compile(dtype, Path(folder) / name)
            return _load(cache.keep(FOLDER, name, built.read_bytes()) or built)
    except OSError as error:
        raise NoKernelsError(f"there is no room for the compiled kernels: {error}") from None


def _of_another_compiler(dtype: torch.dtype) -> ctypes.CDLL | None:
    """Return a library of the same sources and processor, if one is kept: its bits are those of earlier trials."""
    with contextlib.suppress(OSError):
        for path in sorted(cache.cache_dir(FOLDER).glob(f"{_key(dtype)}-*.so")):
            if cache.find(FOLDER, path.name):
                with contextlib.suppress(NoKernelsError):
                    return _load(path)
    return None


def _load(path: Path) -> ctypes.CDLL:
    try:
        kernels = ctypes.CDLL(str(path))
        setattr(
            kernels, _MADE_BY, _made_by(path.read_bytes())
        )  # now: what no cache keeps is gone when it has been loaded
    except OSError as error:
        raise NoKernelsError(f"the compiled kernels cannot be loaded: {error}") from None
    return kernels


def made_by(kernels: ctypes.CDLL) -> str:
    """Return the compiler of a library, such as `GCC: (Debian 12.2.0-14) 12.2.0`: other compilers round otherwise.

    It is the one that made the library, which need not be the one that the machine has now.
    """
    return str(getattr(kernels, _MADE_BY))


def _made_by(library_file: bytes) -> str:
    """Return what compilers write of themselves into the section `.comment`."""
    found = re.search(rb"(GCC: \(|[\w ]*clang version )[ -~]+", library_file)
    return found.group().decode() if found else "a compiler that does not name itself"


def _compile(dtype: torch.dtype, built: Path) -> Path:
    """Compile the sources to `built` and return it. Raises NoKernelsError."""
    sources = sorted(map(str, KERNELS.glob("*.c")))
    command = [_compiler(), *FLAGS, *DEFINES[dtype], "-o", str(built), *sources, "-lm"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        raise NoKernelsError(f"{command[0]} failed: {error.stderr.strip().splitlines()[-1:]}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoKernelsError(f"{command[0]} did not run: {error}") from None
    return built


def _compiler() -> str:
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    raise NoKernelsError("there is no C compiler: install gcc or clang, or set CC")


@functools.cache
def _key(dtype: torch.dtype) -> str:
    """Name what the library is made of: sources, flags and processor."""
    digest = hashlib.sha256()
    for source in sorted(KERNELS.iterdir()):
        digest.update(source.read_bytes())
    digest.update("\n".join([*FLAGS, *DEFINES[dtype], _processor()]).encode())
    return digest.hexdigest()[:20]


@functools.cache
def _compiler_key() -> str:
    """Name what makes it: the compiler and its version."""
    try:
        done = subprocess.run([_compiler(), "--version"], capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoKernelsError(f"{_compiler()} did not run: {error}") from None
    return hashlib.sha256(done.stdout.encode()).hexdigest()[:12]


def _processor() -> str:
    """What `-march=native` looks at, as far as the system reports it: a cache on a shared disk serves many machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("flags", "Features", "model name", "model\t", "cpu family")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))
