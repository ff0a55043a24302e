"""Record of a trial's test: which test images its network got right, one bit each, in the order of the test set.

`test_correct.bin` holds the bits, `test_correct.bin.sha256` their digest. Trials of earlier versions have neither.
"""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_lab.system import atomic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "test_correct.bin"


def write(folder: Path, correct: "NDArray[np.bool_]") -> None:
    """Write the record of a trial's folder."""
    import numpy as np

    bits = np.packbits(correct).tobytes()
    atomic.write(folder / f"{FILE}.sha256", sha256(bits).hexdigest().encode() + b"\n")
    atomic.write(folder / FILE, bits)


def read(folder: Path, images: int, wrong: int) -> "NDArray[np.bool_] | None":
    """Return which of the test images were right; None without a record, or with one of another test.

    `images` and `wrong` are those of the trial's result.
    """
    import numpy as np

    try:
        bits = (folder / FILE).read_bytes()
        digest = (folder / f"{FILE}.sha256").read_text().strip()
    except OSError:
        return None
    if len(bits) != -(-images // 8) or sha256(bits).hexdigest() != digest:
        return None
    correct = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=images).astype(bool)
    return correct if images - int(correct.sum()) == wrong else None
