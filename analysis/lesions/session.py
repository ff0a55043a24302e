"""From a trained network and the command's options to its report."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Protocol

import torch
from torch import Tensor

from analysis.inputs.batches import ImageBatches
from analysis.inputs.chain import Chain
from analysis.inputs.targets import Target
from analysis.lesions.block_measures import IMAGES, BlockMeasures, measure, rank_correlations
from analysis.lesions.choices import Experiment, Lesion
from analysis.lesions.evaluator import EvalSettings, Watch
from analysis.lesions.examine import LesionPlan, contrast, examine
from analysis.lesions.modes import LesionInputs
from analysis.lesions.rows import Finding, Row, as_rows, class_rows
from analysis.lesions.write import Report
from resnet_lab.engine.precision import resolve_dtype
from resnet_lab.errors import UserError
from resnet_lab.spec import Precision

HEAL_BATCH = 128
REFERENCE = 1000
"""Training images that the lesion `mean` takes its means over."""


class Options(Protocol):
    """What the command says beside the network."""

    @property
    def experiment(self) -> tuple[Experiment, ...]: ...
    @property
    def heal(self) -> int: ...
    @property
    def blocks(self) -> tuple[int, ...]: ...
    @property
    def max_k(self) -> int | None: ...
    @property
    def draws(self) -> int: ...
    @property
    def width(self) -> float: ...
    @property
    def include_downsampling(self) -> bool: ...
    @property
    def images(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def precision(self) -> Precision: ...
    def lesions(self) -> tuple[Lesion, ...]: ...


def examine_target(target: Target, options: Options, watch: Watch) -> Report:
    """Run the experiments on one network. Raises UserError where they do not fit it."""
    data, dtype = target.data, resolve_dtype(options.precision, target.device)
    views = ImageBatches.of(data, data.test, options.images, dtype)
    healing = _healing(target, options.heal, dtype)
    bench = EvalSettings(batches=views, healing=healing, dtype=dtype, watch=watch)
    rows: list[Row] = []
    findings: list[Finding] = []
    measures: list[BlockMeasures] = []
    if Experiment.CONTRAST in options.experiment:
        rows += as_rows(contrast(target.model, bench))
    others = [experiment for experiment in options.experiment if experiment != Experiment.CONTRAST]
    if others:
        plan = _plan(options, others)
        subject, findings = examine(target.model, plan, bench, _material(target, options.seed))
        rows += as_rows(findings, subject)
        measures = _measures(subject.chain, target, findings)
    damage = {row["block"]: row["damage"] for row in rows if (row["experiment"], row["mode"], row["heal"]) == _PLAIN}
    measures = [one for one in measures if one.block in damage]
    return Report(
        name=target.name,
        classes=data.classes,
        rows=rows,
        per_class=class_rows(findings),
        measures=[{**asdict(one), "damage": damage[one.block]} for one in measures],
        correlations=rank_correlations(measures, [damage[one.block] for one in measures]) if measures else {},
    )


_PLAIN = (Experiment.SINGLE, "delete", 0)


def _plan(options: Options, experiments: Sequence[Experiment]) -> LesionPlan:
    return LesionPlan(
        experiments=experiments,
        lesions=options.lesions(),
        blocks=options.blocks or None,
        max_k=options.max_k,
        draws=options.draws,
        width=options.width,
        include_downsampling=options.include_downsampling,
        seed=options.seed,
    )


def _material(target: Target, seed: int) -> LesionInputs:
    return LesionInputs(
        model=target.model,
        reference=ImageBatches.of(target.data, target.data.train, REFERENCE),
        own_seed=target.own_seed,
        init=target.spec.recipe.init,
        seed=seed,
    )


def _healing(target: Target, batches: int, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Return the first batches of the training images. Raises UserError where there are too few."""
    data, wanted = target.data, batches * HEAL_BATCH
    if wanted > len(data.train):
        raise UserError(
            f"--heal {batches} needs {wanted} training images, and there are {len(data.train)}: "
            f"ask for at most {len(data.train) // HEAL_BATCH}"
        )
    return list(replace(ImageBatches.of(data, data.train, wanted, dtype), batch=HEAL_BATCH)) if batches else []


def _measures(chain: Chain, target: Target, findings: list[Finding]) -> list[BlockMeasures]:
    """Measure the blocks on the first test images where their deletion is known."""
    if not any((f.case.experiment, f.case.mode, f.heal) == _PLAIN for f in findings):
        return []
    views = ImageBatches.of(target.data, target.data.test, IMAGES)
    return measure(chain, torch.cat([x for x, _ in views]))
