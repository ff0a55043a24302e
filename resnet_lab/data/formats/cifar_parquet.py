"""CIFAR-10's parquet edition, turned into the official binary version, whose SHA-1s then prove it equal.

A row has a label and an image as PNG. Rows are in blocks of 10,000, each a batch of the official version; its digest
says which.
"""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resnet_lab.data.formats.cifar_binary import FOLDER, RECORD, TEST, TRAIN
from resnet_lab.errors import UserError
from resnet_lab.system import atomic

BATCH = 10_000


def convert(files: tuple[Path, Path], root: Path) -> None:
    """Write `cifar-10-batches-bin` below `root` from the files of training and test images.

    Raises UserError where a block of rows is no official batch.
    """
    wanted = {file.digest: file.name for file in (*TRAIN, *TEST)}
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    for path in files:
        for content in _batches(path):
            name = wanted.pop(hashlib.sha1(content, usedforsecurity=False).hexdigest(), None)
            if name is None:
                raise UserError(f"{path.name} holds other pixels than CIFAR-10's official batches")
            atomic.write(root / FOLDER / name, content)


def _batches(path: Path) -> Iterator[bytes]:
    """Yield the records of each 10,000 rows, as the binary version has them."""
    from pyarrow import ArrowException, parquet

    try:
        rows = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise UserError(f"{path.name} is no parquet file ({str(error).partition(chr(10))[0]})") from None
    images = rows.column(next(name for name in rows.column_names if name in ("img", "image")))
    labels = rows.column("label")
    for start in range(0, len(rows), BATCH):
        stop = min(start + BATCH, len(rows))
        yield b"".join(_record(labels[index].as_py(), images[index].as_py()) for index in range(start, stop))


def _record(label: int, image: Any) -> bytes:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(image["bytes"])).convert("RGB"))
    record = bytes([label]) + pixels.transpose(2, 0, 1).tobytes()
    if len(record) != RECORD:
        raise UserError(f"an image of the parquet edition has {pixels.shape[1]}x{pixels.shape[0]} pixels, not 32x32")
    return record
