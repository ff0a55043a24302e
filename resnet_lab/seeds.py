"""Everything random is a function of (seed, stream, keys): init, order and augmentation never share draws."""

import hashlib

import torch


def stream(seed: int, name: str, *keys: int | str) -> torch.Generator:
    """Return a CPU generator that is a pure function of its arguments.

    `name` is the stream ("init", "order", "augmentation"); `keys` narrow it down, such as the epoch or a
    parameter's name and shape.
    """
    text = "/".join(map(str, (seed, name, *keys)))
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
