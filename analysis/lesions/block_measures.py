"""Measures of a block taken without deleting it, and their rank correlation with the damage of its deletion."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.inputs.chain import Chain, Residual
from analysis.lesions.modes import branch_modules

MEASURES = ("norm_ratio", "response_std", "influence", "cka")
IMAGES = 500
"""Images that the measures are taken over: CKA needs them all at once, and compares them pair by pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMeasures:
    """Of one block, over images; x is what the shortcut adds, F the branch, y the block's output.

    `norm_ratio`: mean of ||F|| / ||x||. `response_std`: standard deviation of the last 3x3 convolution's response,
    after its norm and before activation or addition (He et al. 2015, fig. 7). `influence`: mean of 1 - cos(x, y),
    the block influence of ShortGPT (arXiv 2403.03853) with an image as the vector. `cka`: linear CKA (Kornblith et
    al. 2019, arXiv 1905.00414) of the block's output with its input.
    """

    block: int
    norm_ratio: float
    response_std: float
    influence: float
    cka: float


@torch.inference_mode()
def measure_blocks(chain: Chain, x: Tensor) -> list[BlockMeasures]:
    """Return the measures of each block from one batch of images [N, C, H, W], in float32."""
    measures: list[BlockMeasures] = []
    gram: Tensor | None = None
    for position, item in enumerate(chain.items[: chain.blocks[-1] + 1]):
        if position not in chain.blocks:
            x, gram = item(x), None
            continue
        block = chain.block(len(measures))
        gram = _gram(x) if gram is None else gram
        h = block.before(x)
        skip, (branch, response) = block.skip(h), _branch(block, h)
        x = block.after(skip + branch)
        after = _gram(x)
        measures.append(
            BlockMeasures(
                block=len(measures),
                norm_ratio=float((_norms(branch) / _norms(skip).clamp_min(torch.finfo(x.dtype).tiny)).mean()),
                response_std=float(response.double().std(correction=0)),
                influence=float(1 - F.cosine_similarity(skip.flatten(1), x.flatten(1)).mean()),
                cka=_cka(gram, after),
            )
        )
        gram = after
    return measures


def rank_correlations(measures: Sequence[BlockMeasures], damage: Sequence[float]) -> Mapping[str, tuple[float, float]]:
    """Return Spearman's rank correlation of each measure with the damage of deletion, and its two-sided p.

    Both are nan where all blocks are equal in one of the two, or where there are fewer than three.
    """
    from scipy.stats import spearmanr

    correlations = {}
    for name in MEASURES:
        values = [float(asdict(one)[name]) for one in measures]
        known = len(values) > 2 and len(set(values)) > 1 and len(set(damage)) > 1
        result = spearmanr(values, damage) if known else (float("nan"), float("nan"))
        correlations[name] = (float(result[0]), float(result[1]))
    return correlations


def _branch(block: Residual, h: Tensor) -> tuple[Tensor, Tensor]:
    """Run the branch; return its output and the response of its last 3x3 convolution (its output where it has none)."""
    responses: list[Tensor] = []
    module = _responding(block)
    handle = module.register_forward_hook(lambda _m, _i, out: responses.append(out)) if module is not None else None
    try:
        output = block.residual(h)
    finally:
        if handle is not None:
            handle.remove()
    return output, responses[-1] if responses else output


def _responding(block: Residual) -> nn.Module | None:
    """Return the norm right after the branch's last 3x3 convolution, or that convolution where no norm follows."""
    leaves = branch_modules(block)
    at = [i for i, leaf in enumerate(leaves) if isinstance(leaf, nn.Conv2d) and leaf.kernel_size == (3, 3)]
    if not at:
        return None
    following = leaves[at[-1] + 1 : at[-1] + 2]
    return following[0] if following and isinstance(following[0], nn.BatchNorm2d | nn.GroupNorm) else leaves[at[-1]]


def _norms(x: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return norms


def _gram(x: Tensor) -> Tensor:
    """Return the centred Gram matrix [N, N] of the images' features, in float64."""
    features = x.flatten(1)
    gram = (features @ features.T).double()
    gram -= gram.mean(0)
    return gram - gram.mean(1, keepdim=True)


def _cka(one: Tensor, other: Tensor) -> float:
    norms = float(one.norm() * other.norm())
    return float((one * other).sum()) / norms if norms else float("nan")
