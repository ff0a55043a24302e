"""Path lengths of any network with residual blocks, from Python.

from analysis.paths import run
rows = run(model, loader, ["blocks.0", "blocks.1"], branch="f")
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from analysis.inputs.chain import Chain, decompose
from analysis.inputs.named_blocks import first_image, named_chain, require_branch
from analysis.inputs.progress_bar import Progress, progress_on_stderr
from analysis.inputs.self_check import require_own_forward
from analysis.paths.recording import At, Statistics, prepare
from analysis.paths.rows import Conventions, PathReport, Row, rows
from analysis.paths.sampling import Limits, passes, sample
from analysis.paths.spectrum import exact_spectrum
from resnet_lab.errors import UserError

TYPES = {"fp64": torch.float64, "fp32": torch.float32}


def run(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    blocks: Literal["auto"] | Sequence[str] = "auto",
    *,
    branch: str | None = None,
    draws: int = 20,
    at: At = "image",
    bn: Statistics = "eval",
    seed: int = 0,
    interval: Limits = "t",
    precision: Literal["fp64", "fp32"] = "fp64",
    progress: bool = False,
) -> list[Row]:
    """Return a row for each path length of a network's gradient, on the loader's first batch (x [N, C, H, W], y [N]).

    `blocks` and `branch` name the residual blocks as in `analysis.lesions.run`, where they are not found. Images must
    be on the model's device and normalised as it wants them. The rows are those of `python -m analysis.path_length`.
    `progress` shows bars on stderr. Raises UserError, also for a network whose own forward is not that of its blocks in
    a row.
    """
    if blocks != "auto" and not all(isinstance(name, str) for name in blocks):
        raise UserError("blocks are the names of modules here: paths go through all blocks of a network")
    image, batches = first_image(loader)
    images, labels = next(iter(batches))
    chain = decompose(model) if blocks == "auto" else named_chain(model, blocks, require_branch(branch), image)
    require_own_forward(model, chain.items, images)
    conventions = Conventions(
        at=at, bn=bn, images=len(images), dataset="loader", seed=seed, limits=interval, precision=precision
    )
    with progress_on_stderr(wanted=progress) as bars:
        report = _report(chain, images, labels, type(model).__name__, draws, conventions, bars)
    return rows(report)


def _report(
    chain: Chain, images: Tensor, labels: Tensor, name: str, draws: int, conventions: Conventions, progress: Progress
) -> PathReport:
    dtype = TYPES[conventions.precision]
    prepare(chain, conventions.bn, dtype)
    images, advance = images.to(dtype).contiguous(), progress("exact spectrum", len(chain))
    spectrum, recording = exact_spectrum(chain, images, labels, conventions.at, advance)
    advance = progress("single paths", passes(recording, draws))
    sampled = sample(recording, draws, conventions.seed, advance, limits=conventions.limits)
    return PathReport(name=name, spectrum=spectrum, sampled=sampled, conventions=conventions)
