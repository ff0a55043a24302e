"""Lesions: what a trained network does without some of its blocks (Veit, Wilber and Belongie 2016, arXiv 1605.06431).

from analysis.lesions import run
rows = run(torchvision.models.resnet18(weights="DEFAULT"), loader=loader)
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import nn

from analysis.chain import take_apart
from analysis.deletion import Case, Damage, Experiment, Subject, multiple, pairs, reorder, runs, single
from analysis.healing import heal
from analysis.lesion_modes import Lesion, Material, Mode, damaged_blocks
from analysis.lesion_rows import Finding, Row, as_rows
from analysis.prefix import Batches, Network, Outcome, evaluate
from analysis.statistics import t_interval
from resnet_lab.errors import UserError

ROUND = 5
"""Draws of each k before its interval is looked at again."""
DELETE = Lesion(Mode.DELETE)


class Watch(Protocol):
    """Told what is about to run and of how many steps it is; returns what to call after each."""

    def __call__(self, label: str, total: int | None, /) -> Callable[[], None]: ...


def unwatched(_label: str, _total: int | None, /) -> Callable[[], None]:
    """Watch nothing."""
    return lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do. `blocks` None: all. A k is drawn until its mean's interval is narrower than `width` points."""

    experiments: Sequence[Experiment] = (Experiment.SINGLE,)
    lesions: Sequence[Lesion] = (DELETE,)
    blocks: Sequence[int] | None = None
    max_k: int | None = None
    draws: int = 20
    width: float = 1.0
    include_downsampling: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where networks are evaluated: images, compute type, and the training batches that heal them, if any."""

    batches: Batches
    healing: Sequence[Any] = ()
    dtype: torch.dtype = torch.float32
    watch: Watch = unwatched


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
    plan = Plan(
        experiments=[Experiment(name) for name in experiments],
        lesions=[Lesion.parse(mode) for mode in modes],
        blocks=None if blocks == "auto" else [int(block) for block in blocks],
        draws=draws,
        seed=seed,
    )
    material = Material(model=model, reference=loader, seed=seed)
    return as_rows(*examine(model, plan, Bench(batches=loader), material))


def examine(model: nn.Module, plan: Plan, bench: Bench, material: Material) -> tuple[Subject, list[Finding]]:
    """Run every experiment of the plan, unhealed and, where the bench has healing batches, healed."""
    subject = Subject.of(take_apart(model), plan.blocks)
    damages = [Damage(mode=str(each), modules=damaged_blocks(subject.chain, each, material)) for each in plan.lesions]
    findings: list[Finding] = []
    for healing in ((), bench.healing) if bench.healing else ((),):
        clinic = Clinic(subject=subject, bench=bench, healing=healing)
        findings += clinic.evaluate("lesions", [subject.base, *_fixed(subject, plan, damages, material)])
        for label, series in _series(subject, plan, damages):
            findings += clinic.until_narrow(label, series, plan.width)
    return subject, findings


def _candidates(subject: Subject, plan: Plan, damage: Damage) -> list[int]:
    """Return the blocks that are lesioned together: downsampling ones only where the plan includes them."""
    allowed = subject.blocks if plan.include_downsampling else subject.movable
    return [block for block in allowed if damage.modules[block] is not None]


def _fixed(subject: Subject, plan: Plan, damages: Sequence[Damage], material: Material) -> Iterator[Case]:
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
        modules = damaged_blocks(subject.chain, twice, material)
        yield from single(subject, Damage(mode=str(twice), modules=modules), Experiment.DUPLICATE)


def _series(subject: Subject, plan: Plan, damages: Sequence[Damage]) -> Iterator[tuple[str, list[list[Case]]]]:
    """Yield (label, the draws of each k) of the experiments that are drawn."""
    if Experiment.MULTIPLE in plan.experiments:
        for damage in damages:
            blocks = _candidates(subject, plan, damage)
            ks = range(1, min(plan.max_k or len(blocks), len(blocks)) + 1)
            draws = [multiple(subject, damage, blocks, k, plan.draws, seed=plan.seed) for k in ks]
            yield f"multiple {damage.mode}", draws
    if Experiment.REORDER in plan.experiments:
        ks = range(1, (plan.max_k or len(subject.movable)) + 1)
        yield "reorder", [reorder(subject, k, plan.draws, seed=plan.seed) for k in ks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """Evaluates cases of one subject, all healed on the same batches or none."""

    subject: Subject
    bench: Bench
    healing: Sequence[Any]

    def evaluate(self, label: str, cases: Sequence[Case]) -> list[Finding]:
        """Return the findings of the cases, in their order."""
        networks = self._healed([case.network for case in cases])
        total = None
        with contextlib.suppress(TypeError):  # a generator has no length
            total = len(networks) * len(self.bench.batches)  # type: ignore[arg-type]
        step = self.bench.watch(label, total)
        outcomes: list[Outcome] = evaluate(networks, self.bench.batches, dtype=self.bench.dtype, step=step)
        found = zip(cases, outcomes, strict=True)
        return [Finding(case=case, outcome=outcome, heal=len(self.healing)) for case, outcome in found]

    def until_narrow(self, label: str, series: Sequence[Sequence[Case]], width: float) -> list[Finding]:
        """Evaluate the draws of each k in rounds, until the t interval of their mean is narrower than `width` points.

        A k may end between rounds only: the draws of a seed are the same however many are made.
        """
        found: list[list[Finding]] = [[] for _ in series]
        for start in range(0, max(map(len, series), default=0), ROUND):
            still = [i for i, cases in enumerate(series) if start < len(cases) and not _narrow(found[i], width)]
            cases = [case for i in still for case in series[i][start : start + ROUND]]
            if not cases:
                break
            findings = iter(self.evaluate(f"{label}, draws {start + 1} to {start + ROUND}", cases))
            for i in still:
                found[i] += [next(findings) for _ in series[i][start : start + ROUND]]
        return [finding for findings in found for finding in findings]

    def _healed(self, networks: Sequence[Network]) -> list[Network]:
        if not self.healing:
            return list(networks)
        whole, dtype = self.subject.chain.items, self.bench.dtype
        base = heal(whole, self.healing, dtype=dtype)
        parts = {"whole": whole, "healed_whole": base}
        return [base if network is whole else heal(network, self.healing, **parts, dtype=dtype) for network in networks]


def _narrow(findings: Sequence[Finding], width: float) -> bool:
    interval = t_interval(finding.outcome.error for finding in findings)
    return len(findings) > 1 and interval.high - interval.low < width
