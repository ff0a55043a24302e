"""Lesion study of a trained network: its error without some of its blocks (Veit et al. 2016, arXiv 1605.06431).

from analysis.lesions import run
rows = run(torchvision.models.resnet18(weights="DEFAULT"), loader=loader)
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

from torch import nn

from analysis.inputs.chain import Chain, decompose
from analysis.inputs.named_blocks import first_image, named_chain, require_branch
from analysis.inputs.progress_bar import progress_on_stderr
from analysis.inputs.self_check import CheckedBatches
from analysis.lesions.choices import Experiment, Lesion, LesionPlan, Mode
from analysis.lesions.evaluator import EvalSettings, LesionEvaluator
from analysis.lesions.experiments import BlockSet, Case, Lesions, multiple, pairs, reorder, runs, single
from analysis.lesions.modes import LesionInputs, lesioned_blocks
from analysis.lesions.plain_networks import decompose_layers
from analysis.lesions.rows import Finding, Row, as_rows
from analysis.lesions.shared_prefix import Batches, Network
from resnet_lab.errors import UserError


def run(
    model: nn.Module,
    blocks: Literal["auto"] | Sequence[int] | Sequence[str] = "auto",
    loader: Batches | None = None,
    *,
    branch: str | None = None,
    modes: Sequence[str] = ("delete",),
    experiments: Sequence[str] = ("single",),
    draws: int = 20,
    seed: int = 0,
    reference: Batches | None = None,
    progress: bool = False,
) -> list[Row]:
    """Lesion any ResNet of this project, of torchvision or of timm on batches of (x [N, C, H, W], y [N]).

    Any other network with residual blocks: `blocks` are the names of its submodules, `branch` that of the module,
    within each block, whose output is added to the shortcut; they are numbered in the order in which they run.

    Images must be on the model's device and normalised as it wants them. Returns tidy rows, first the undamaged
    network (`experiment` "base"); errors in per cent. The loader is iterated over several times where `modes` has
    `mean` or `experiments` has `multiple` or `reorder`.

    The mode `mean` puts in mean branch outputs over `reference`, batches like the loader's: training images, as
    `python -m analysis.block_deletion` takes. Without it they are the means over the images that are evaluated, so
    the lesion has seen what it is judged on; the rows do not show which it was. `progress` shows bars on stderr.
    Raises UserError, also for a network whose own forward, on the first images, is not that of its blocks in a row.
    """
    if loader is None:
        raise UserError("lesions are evaluated on images: give loader=, an iterable of batches of (images, labels)")
    plan = LesionPlan(
        experiments=[Experiment.parse(name) for name in experiments],
        lesions=[Lesion.parse(mode) for mode in modes],
        blocks=_numbers(blocks),
        draws=draws,
        seed=seed,
    )
    chain, loader = _chain(model, blocks, branch, loader, plan)
    inputs = LesionInputs(model=model, reference=loader if reference is None else reference, seed=seed)
    with progress_on_stderr(wanted=progress) as bars:
        block_set, findings = examine(model, plan, EvalSettings(batches=loader, progress=bars), inputs, chain)
    return as_rows(findings, block_set)


def _numbers(blocks: Sequence[int] | Sequence[str]) -> list[int] | None:
    """Return the numbers of the blocks that are lesioned; None for all that were found, or named."""
    return None if any(isinstance(block, str) for block in blocks) else [int(block) for block in blocks]


def _chain(
    model: nn.Module, blocks: Sequence[int] | Sequence[str], branch: str | None, loader: Batches, plan: LesionPlan
) -> tuple[Chain, Batches]:
    """Return the network's chain, found or by the names of its blocks, and the batches, none of them used up."""
    if blocks == "auto" or _numbers(blocks) is not None:
        if branch is not None:
            raise UserError("branch is read beside the names of blocks: give blocks=[...], names of modules, too")
        return decompose(model), loader
    if any(lesion.mode in (Mode.REINIT, Mode.RANDOMISE) for lesion in plan.lesions):
        raise UserError("how blocks given by name are initialised is not known: choose other modes than reinit")
    image, loader = first_image(loader)
    return named_chain(model, list(map(str, blocks)), require_branch(branch), image), loader


def examine(
    model: nn.Module, plan: LesionPlan, settings: EvalSettings, inputs: LesionInputs, chain: Chain | None = None
) -> tuple[BlockSet, list[Finding]]:
    """Run every experiment of the plan as trained and, with recalibration batches, with recalibrated norms too.

    Raises UserError where the network's own forward is another one than that of its blocks in a row.
    """
    block_set = BlockSet.of(chain or decompose(model), plan.blocks)
    settings = _checked(settings, model, block_set.chain.items)
    lesion_sets = [_lesions(block_set, lesion, inputs) for lesion in plan.lesions]
    findings: list[Finding] = []
    for recalibrated in settings.stages:
        evaluator = _evaluator(block_set.chain.items, settings, recalibrated)
        findings += evaluator.evaluate("lesions", [block_set.base, *_fixed(block_set, plan, lesion_sets, inputs)])
        for label, series in _series(block_set, plan, lesion_sets):
            findings += evaluator.until_narrow(label, series, plan.width)
    return block_set, findings


def _checked(settings: EvalSettings, model: nn.Module, items: Network) -> EvalSettings:
    return dataclasses.replace(settings, batches=CheckedBatches(settings.batches, model, items))


def _evaluator(whole: Network, settings: EvalSettings, recalibrated: bool) -> LesionEvaluator:
    return LesionEvaluator(whole=whole, settings=settings, recalibrated=recalibrated)


def _lesions(block_set: BlockSet, lesion: Lesion, inputs: LesionInputs) -> Lesions:
    return Lesions(mode=str(lesion), modules=lesioned_blocks(block_set.chain, lesion, inputs))


def _candidates(block_set: BlockSet, plan: LesionPlan, lesions: Lesions) -> list[int]:
    """Return the blocks that are lesioned together: downsampling ones only where the plan includes them."""
    allowed = block_set.blocks if plan.include_downsampling else block_set.movable
    blocks = [block for block in allowed if lesions.modules[block] is not None]
    if not blocks:
        raise UserError("every block asked for changes the shape: add others, or --include-downsampling")
    return blocks


def _fixed(
    block_set: BlockSet, plan: LesionPlan, lesion_sets: Sequence[Lesions], inputs: LesionInputs
) -> Iterator[Case]:
    """Yield the cases that are not drawn. Pairs bring the single lesions along: the interaction needs them."""
    wanted = set(plan.experiments)
    for lesions in lesion_sets:
        if wanted & {Experiment.SINGLE, Experiment.PAIRS}:
            yield from single(block_set, lesions)
        if Experiment.PAIRS in wanted:
            yield from pairs(block_set, lesions)
        for side in (Experiment.PREFIX, Experiment.SUFFIX):
            if side in wanted:
                yield from runs(block_set, lesions, side, _candidates(block_set, plan, lesions))
    if Experiment.DUPLICATE in wanted:
        yield from single(block_set, _lesions(block_set, Lesion(Mode.DUPLICATE), inputs), Experiment.DUPLICATE)


def _series(
    block_set: BlockSet, plan: LesionPlan, lesion_sets: Sequence[Lesions]
) -> Iterator[tuple[str, list[list[Case]]]]:
    """Yield (label, the draws of each k) of the experiments that are drawn."""
    if Experiment.MULTIPLE in plan.experiments:
        for lesions in lesion_sets:
            blocks = _candidates(block_set, plan, lesions)
            ks = range(1, min(plan.max_k or len(blocks), len(blocks)) + 1)
            draws = [multiple(block_set, lesions, blocks, k, plan.draws, seed=plan.seed) for k in ks]
            yield f"multiple {lesions.mode}", draws
    if Experiment.REORDER in plan.experiments:
        ks = range(1, (plan.max_k or len(block_set.movable) or 1) + 1)
        yield "reorder", [reorder(block_set, k, plan.draws, seed=plan.seed) for k in ks]


def contrast(model: nn.Module, settings: EvalSettings) -> list[Finding]:
    """Delete each layer of a network without shortcuts that keeps its input's shape. Raises UserError."""
    layers = decompose_layers(model)
    settings = _checked(settings, model, layers.items)
    cases = [Case(experiment="base", mode="none", network=layers.items)]
    for layer in layers.deletable:
        network = layers.without(layer)
        cases.append(Case(experiment=Experiment.CONTRAST, mode="delete", network=network, block=layer, k=1))
    return [
        finding
        for recalibrated in settings.stages
        for finding in _evaluator(layers.items, settings, recalibrated).evaluate("contrast", cases)
    ]
