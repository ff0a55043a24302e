"""Probe of an imported network: images and the logits it must give, which prove what tensors cannot show.

Two networks of the same tensors can differ in activation, pooling, anti-aliasing and stride. On images they do not
agree, so a file with a few of them and their logits, written by the network's own code, settles it.
"""

import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from resnet_lab.errors import UserError
from resnet_lab.interchange.files import read_tensors
from resnet_lab.interchange.importing import Imported
from resnet_lab.provenance import Probed

LARGEST = 2**30
"""Bytes of a probe's file, and of each of its arrays unpacked: a thousand images of 224 pixels fit."""
TOLERANCE = 1e-3
"""Of the largest logit. float32 on another machine stays below 1e-4; another pooling or stride is above 0.1."""
BATCH = 32
INPUT, LOGITS = "input", "logits"
_REMEDY = f"save a dictionary of two float arrays, `{INPUT}` [N, C, H, W] and `{LOGITS}` [N, classes]"


def proven(imported: Imported, path: Path) -> Imported:
    """Return the network with the probe in its provenance.

    Raises UserError where its logits for the probe's images are others, or the file is no probe of this network.
    """
    content = _content(path)
    images, wanted = _checked(path, _arrays(path, content), imported)
    given = torch.cat(list(_logits(imported.model, images, path)))
    difference = _relative(given, wanted)
    if not difference <= TOLERANCE:
        raise UserError(
            f"the network computes other logits than those in {path}, they differ by {difference:.2g} times the "
            f"largest, over {TOLERANCE:g}: the file's network differs in what tensors cannot tell (activation, "
            "pooling, anti-aliasing, stride), or the probe was made in training mode or half precision"
        )
    digest = hashlib.sha256(content).hexdigest()
    probed = Probed(file=path.name, sha256=digest, images=len(images), difference=difference)
    return dataclasses.replace(imported, provenance=dataclasses.replace(imported.provenance, probed=probed))


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UserError(f"the probe {path} has {size:,} bytes, over {LARGEST:,}: give fewer images")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the probe {path} ({error.strerror}): check the path") from None


def _arrays(path: Path, content: bytes) -> dict[str, Tensor]:
    """Return the file's tensors without running its code."""
    if path.suffix != ".npz":
        return dict(read_tensors(path).tensors)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: _array(archive, name) for name in (INPUT, LOGITS) if f"{name}.npy" in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, TypeError, EOFError, OverflowError, RuntimeError, NotImplementedError):
        raise UserError(f"the probe {path} is damaged, too large or holds more than numbers: {_REMEDY}") from None


def _array(archive: zipfile.ZipFile, name: str) -> Tensor:
    """Return an array of the archive. Raises ValueError where it is larger than LARGEST or than the bytes it has."""
    import numpy as np

    member = archive.getinfo(f"{name}.npy")
    if member.file_size > LARGEST:
        raise ValueError(name)
    with archive.open(member) as stream:
        content = io.BytesIO(stream.read(LARGEST))
    version = np.lib.format.read_magic(content)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(content)
    size = dtype.itemsize
    for length in shape:
        size *= length
    if dtype.hasobject or size > member.file_size:
        raise ValueError(name)
    content.seek(0)
    return torch.from_numpy(np.lib.format.read_array(content, allow_pickle=False).copy())


def _checked(path: Path, arrays: dict[str, Tensor], imported: Imported) -> tuple[Tensor, Tensor]:
    """Return images and logits as float32. Raises UserError where they cannot prove anything of this network."""
    ends = imported.provenance
    for name, shape in ((INPUT, (None, ends.channels, None, None)), (LOGITS, (None, ends.classes))):
        if name not in arrays:
            raise UserError(f"the probe {path} has no `{name}`: {_REMEDY}")
        _require(path, name, arrays[name], shape)
    images, logits = arrays[INPUT].float(), arrays[LOGITS].float()
    if len(images) != len(logits):
        raise UserError(f"the probe {path} has {len(images)} images and logits of {len(logits)}: {_REMEDY}")
    if bool((images == images[:, :, :1, :1]).all()):
        raise UserError(f"the images of the probe {path} are each of one colour, which hides a stride: give others")
    return images, logits


def _require(path: Path, name: str, array: Tensor, shape: tuple[int | None, ...]) -> None:
    fits = array.dim() == len(shape) and all(
        one in (None, other) for one, other in zip(shape, array.shape, strict=True)
    )
    if not fits or not array.is_floating_point() or not array.numel():
        wanted = " x ".join("any" if one is None else str(one) for one in shape)
        given = " x ".join(map(str, array.shape))
        kind = str(array.dtype).removeprefix("torch.")
        raise UserError(f"`{name}` in the probe {path} is {kind} {given}, not float {wanted}: {_REMEDY}")
    if not bool(torch.isfinite(array).all()):
        raise UserError(f"`{name}` in the probe {path} is not finite everywhere: {_REMEDY}")


def _logits(model: nn.Module, images: Tensor, path: Path) -> Iterator[Tensor]:
    """Yield the logits of each batch. Raises UserError for images too small for the network, or to tell its pooling."""
    sizes: list[int] = []
    pooled = _last_map(model, sizes)
    try:
        with torch.inference_mode():
            for batch in images.split(BATCH):  # type: ignore[no-untyped-call]  # torch leaves it untyped
                yield model(batch)
                if max(sizes, default=2) < 2:
                    raise UserError(
                        f"the images of the probe {path} shrink to one pixel before the pooling, which hides what "
                        "pooling it is: give larger ones"
                    )
    except RuntimeError as error:
        line = " ".join(str(error).split())[:120]
        raise UserError(f"the network cannot read the images of the probe {path} ({line}): {_REMEDY}") from None
    finally:
        pooled.remove()


def _last_map(model: nn.Module, sizes: list[int]) -> "torch.utils.hooks.RemovableHandle":
    """Note the pixels of the last feature map, which is read before the last linear layer."""
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]

    def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        sizes.append(output.shape[2] * output.shape[3])

    return convolutions[-1].register_forward_hook(note)


def _relative(given: Tensor, wanted: Tensor) -> float:
    """Return max |given - wanted| / max |wanted|; infinite where the logits wanted are all 0, which prove nothing."""
    scale = float(wanted.abs().max())
    return float((given - wanted).abs().max()) / scale if scale else float("inf")
