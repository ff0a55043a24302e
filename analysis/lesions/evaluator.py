"""Where lesioned networks are healed and evaluated."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from analysis.lesions.bn_recalibration import recalibrate
from analysis.lesions.experiments import Case
from analysis.lesions.rows import Finding
from analysis.lesions.shared_prefix import Batches, Network, evaluate
from analysis.stats.intervals import t_interval

ROUND = 5
"""Draws of each k before its interval is looked at again."""


class Watch(Protocol):
    """Told what is about to run and of how many steps it is; returns what to call after each."""

    def __call__(self, label: str, total: int | None, /) -> Callable[[], None]: ...


def unwatched(_label: str, _total: int | None, /) -> Callable[[], None]:
    """Watch nothing."""
    return lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalSettings:
    """Where networks are evaluated: images, compute type, and the training batches that heal them, if any."""

    batches: Batches
    healing: Sequence[tuple[Tensor, Tensor]] = ()
    dtype: torch.dtype = torch.float32
    watch: Watch = unwatched


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionEvaluator:
    """Evaluates cases that derive from one `whole` network, all healed on the same batches or none."""

    whole: Network
    bench: EvalSettings
    healed: bool = False

    def evaluate(self, label: str, cases: Sequence[Case]) -> list[Finding]:
        """Return the findings of the cases, in their order."""
        networks = self._treated([case.network for case in cases])
        total = None
        with contextlib.suppress(TypeError):  # a generator has no length
            total = len(networks) * len(self.bench.batches)  # type: ignore[arg-type]  # or a TypeError
        step = self.bench.watch(label, total)
        outcomes = evaluate(networks, self.bench.batches, dtype=self.bench.dtype, step=step)
        batches = len(self.bench.healing) if self.healed else 0
        found = zip(cases, outcomes, strict=True)
        return [Finding(case=case, outcome=outcome, heal=batches) for case, outcome in found]

    def until_narrow(self, label: str, series: Sequence[Sequence[Case]], width: float) -> list[Finding]:
        """Evaluate the draws of each k in rounds, until the t interval of their mean is narrower than `width` points.

        A k ends between rounds only, and its draws are those of its seed however many are made.
        """
        found: list[list[Finding]] = [[] for _ in series]
        for start in range(0, max(map(len, series), default=0), ROUND):
            still = [i for i, cases in enumerate(series) if start < len(cases) and not _narrow(found[i], width)]
            cases = [case for i in still for case in series[i][start : start + ROUND]]
            if not cases:
                break
            findings = iter(self.evaluate(f"{label}, draw {start + 1} on", cases))
            for i in still:
                found[i] += [next(findings) for _ in series[i][start : start + ROUND]]
        return [finding for findings in found for finding in findings]

    def _treated(self, networks: Sequence[Network]) -> list[Network]:
        if not self.healed:
            return list(networks)
        batches, dtype = self.bench.healing, self.bench.dtype
        base = recalibrate(self.whole, batches, dtype=dtype)
        return [
            base if each is self.whole else recalibrate(each, batches, whole=self.whole, healed_whole=base, dtype=dtype)
            for each in networks
        ]


def _narrow(findings: Sequence[Finding], width: float) -> bool:
    interval = t_interval(finding.outcome.error for finding in findings)
    return len(findings) > 1 and interval.high - interval.low < width
