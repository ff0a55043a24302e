"""Lesions: what a trained network does without some of its blocks (Veit, Wilber and Belongie 2016, arXiv 1605.06431).

from analysis.lesions import run
rows = run(torchvision.models.resnet18(weights="DEFAULT"), loader=loader)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from analysis.inputs.chain import decompose
from analysis.lesions.choices import Experiment, Lesion, Mode
from analysis.lesions.evaluator import EvalSettings, LesionEvaluator
from analysis.lesions.experiments import BlockSet, Case, Lesions, multiple, pairs, reorder, runs, single
from analysis.lesions.modes import LesionInputs, lesioned_blocks
from analysis.lesions.plain_networks import decompose_layers
from analysis.lesions.rows import Finding, Row, as_rows
from analysis.lesions.shared_prefix import Batches
from resnet_lab.errors import UserError

DELETE = Lesion(Mode.DELETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionPlan:
    """What to do. `blocks` None: all. A k is drawn until its mean's interval is narrower than `width` points."""

    experiments: Sequence[Experiment] = (Experiment.SINGLE,)
    lesions: Sequence[Lesion] = (DELETE,)
    blocks: Sequence[int] | None = None
    max_k: int | None = None
    draws: int = 20
    width: float = 1.0
    include_downsampling: bool = False
    seed: int = 0


def run(
    model: nn.Module,
    blocks: Literal["auto"] | Sequence[int] = "auto",
    loader: Batches | None = None,
    *,
    modes: Sequence[str] = ("delete",),
    experiments: Sequence[str] = ("single",),
    draws: int = 20,
    seed: int = 0,
) -> list[Row]:
    """Lesion any ResNet of this project, of torchvision or of timm on batches of (x [N, C, H, W], y [N]).

    Images must be on the model's device and normalised as it wants them. Returns tidy rows, first the undamaged
    network (`experiment` "base"); errors in per cent. The loader is gone through several times where `modes` has
    `mean` or `experiments` has `multiple` or `reorder`. Raises UserError.
    """
    if loader is None:
        raise UserError("lesions are evaluated on images: give loader=, an iterable of batches of (images, labels)")
    plan = LesionPlan(
        experiments=[Experiment.parse(name) for name in experiments],
        lesions=[Lesion.parse(mode) for mode in modes],
        blocks=None if blocks == "auto" else [int(block) for block in blocks],
        draws=draws,
        seed=seed,
    )
    material = LesionInputs(model=model, reference=loader, seed=seed)
    subject, findings = examine(model, plan, EvalSettings(batches=loader), material)
    return as_rows(findings, subject)


def examine(
    model: nn.Module, plan: LesionPlan, bench: EvalSettings, material: LesionInputs
) -> tuple[BlockSet, list[Finding]]:
    """Run every experiment of the plan, unhealed and, where the bench has healing batches, healed."""
    subject = BlockSet.of(decompose(model), plan.blocks)
    damages = [Lesions(mode=str(each), modules=lesioned_blocks(subject.chain, each, material)) for each in plan.lesions]
    findings: list[Finding] = []
    for healed in (False, True) if bench.healing else (False,):
        clinic = LesionEvaluator(whole=subject.chain.items, bench=bench, healed=healed)
        findings += clinic.evaluate("lesions", [subject.base, *_fixed(subject, plan, damages, material)])
        for label, series in _series(subject, plan, damages):
            findings += clinic.until_narrow(label, series, plan.width)
    return subject, findings


def _candidates(subject: BlockSet, plan: LesionPlan, damage: Lesions) -> list[int]:
    """Return the blocks that are lesioned together: downsampling ones only where the plan includes them."""
    allowed = subject.blocks if plan.include_downsampling else subject.movable
    blocks = [block for block in allowed if damage.modules[block] is not None]
    if not blocks:
        raise UserError("every block asked for changes the shape: add others, or --include-downsampling")
    return blocks


def _fixed(subject: BlockSet, plan: LesionPlan, damages: Sequence[Lesions], material: LesionInputs) -> Iterator[Case]:
    """Yield the cases that are not drawn. Pairs bring the single lesions along: the interaction needs them."""
    wanted = set(plan.experiments)
    for damage in damages:
        if wanted & {Experiment.SINGLE, Experiment.PAIRS}:
            yield from single(subject, damage)
        if Experiment.PAIRS in wanted:
            yield from pairs(subject, damage)
        for side in (Experiment.PREFIX, Experiment.SUFFIX):
            if side in wanted:
                yield from runs(subject, damage, side, _candidates(subject, plan, damage))
    if Experiment.DUPLICATE in wanted:
        twice = Lesion(Mode.DUPLICATE)
        modules = lesioned_blocks(subject.chain, twice, material)
        yield from single(subject, Lesions(mode=str(twice), modules=modules), Experiment.DUPLICATE)


def _series(subject: BlockSet, plan: LesionPlan, damages: Sequence[Lesions]) -> Iterator[tuple[str, list[list[Case]]]]:
    """Yield (label, the draws of each k) of the experiments that are drawn."""
    if Experiment.MULTIPLE in plan.experiments:
        for damage in damages:
            blocks = _candidates(subject, plan, damage)
            ks = range(1, min(plan.max_k or len(blocks), len(blocks)) + 1)
            draws = [multiple(subject, damage, blocks, k, plan.draws, seed=plan.seed) for k in ks]
            yield f"multiple {damage.mode}", draws
    if Experiment.REORDER in plan.experiments:
        ks = range(1, (plan.max_k or len(subject.movable) or 1) + 1)
        yield "reorder", [reorder(subject, k, plan.draws, seed=plan.seed) for k in ks]


def contrast(model: nn.Module, bench: EvalSettings) -> list[Finding]:
    """Delete each layer of a network without shortcuts that keeps its input's shape. Raises UserError."""
    layers = decompose_layers(model)
    cases = [Case(experiment="base", mode="none", network=layers.items)]
    for layer in layers.deletable:
        network = layers.without(layer)
        cases.append(Case(experiment=Experiment.CONTRAST, mode="delete", network=network, block=layer, k=1))
    return [
        finding
        for healed in ((False, True) if bench.healing else (False,))
        for finding in LesionEvaluator(whole=layers.items, bench=bench, healed=healed).evaluate("contrast", cases)
    ]
