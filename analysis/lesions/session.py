"""Examination of one trained network: the experiments that the command's options ask for."""

from dataclasses import asdict, replace

import torch
from torch import Tensor

from analysis.inputs.batches import ImageBatches
from analysis.inputs.chain import Chain, is_residual
from analysis.inputs.progress_bar import Progress
from analysis.inputs.targets import Target
from analysis.lesions.block_measures import IMAGES, BlockMeasures, measure_blocks, rank_correlations
from analysis.lesions.choices import Experiment
from analysis.lesions.evaluator import EvalSettings
from analysis.lesions.examine import contrast, examine
from analysis.lesions.modes import LesionInputs
from analysis.lesions.options import Options
from analysis.lesions.rows import Finding, Row, as_rows, class_rows
from analysis.lesions.write import Report
from resnet_lab.engine.precision import use_precision
from resnet_lab.errors import UserError

RECALIBRATION_BATCH = 128
REFERENCE = 1000
"""Training images that the lesion `mean` takes its means over."""


def examine_target(target: Target, options: Options, progress: Progress) -> Report:
    """Run the experiments on one network. Raises UserError where they do not fit it."""
    data, dtype = target.data, use_precision(options.precision, target.device)
    batches = ImageBatches.of(data, data.test, options.images, dtype)
    recalibration = _recalibration_batches(target, options.recalibrate_bn, dtype)
    settings = EvalSettings(batches=batches, recalibration=recalibration, dtype=dtype, progress=progress)
    rows: list[Row] = []
    findings: list[Finding] = []
    measures: list[BlockMeasures] = []
    layers, blocks = _deleted(options, target)
    if layers:
        rows += as_rows(contrast(target.model, settings))
    if blocks:
        block_set, findings = examine(target.model, options.plan, settings, _inputs(target, options.seed))
        rows += as_rows(findings, block_set)
        measures = _measures(block_set.chain, target, findings)
    damage = {row["block"]: row["damage"] for row in rows if (row["experiment"], row["mode"], row["heal"]) == _PLAIN}
    measures = [one for one in measures if one.block in damage]
    return Report(
        name=target.name,
        classes=data.classes,
        rows=rows,
        per_class=class_rows(findings, data.class_name),
        measures=[{**asdict(one), "damage": damage[one.block]} for one in measures],
        correlations=rank_correlations(measures, [damage[one.block] for one in measures]) if measures else {},
    )


def _deleted(options: Options, target: Target) -> tuple[bool, bool]:
    """Return whether layers are deleted, and whether blocks are: what the network has, where both are asked for."""
    layers, blocks = options.contrast, bool(options.plan.experiments)
    if layers and blocks:
        layers = not is_residual(target.model)
        blocks = not layers
    return layers, blocks


_PLAIN = (Experiment.SINGLE, "delete", 0)


def _inputs(target: Target, seed: int) -> LesionInputs:
    return LesionInputs(
        model=target.model,
        reference=ImageBatches.of(target.data, target.data.train, REFERENCE),
        own_seed=target.own_seed,
        init=target.spec.recipe.init,
        seed=seed,
    )


def _recalibration_batches(target: Target, batches: int, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Return the first batches of the training images. Raises UserError where there are too few."""
    data, wanted = target.data, batches * RECALIBRATION_BATCH
    if wanted > len(data.train):
        raise UserError(
            f"--recalibrate-bn {batches} needs {wanted} training images, and there are {len(data.train)}: "
            f"ask for at most {len(data.train) // RECALIBRATION_BATCH}"
        )
    return list(replace(ImageBatches.of(data, data.train, wanted, dtype), batch=RECALIBRATION_BATCH)) if batches else []


def _measures(chain: Chain, target: Target, findings: list[Finding]) -> list[BlockMeasures]:
    """Measure the blocks on the first test images where their deletion is known."""
    if not any((f.case.experiment, f.case.mode, f.bn_batches) == _PLAIN for f in findings):
        return []
    batches = ImageBatches.of(target.data, target.data.test, IMAGES)
    return measure_blocks(chain, torch.cat([x for x, _ in batches]))
