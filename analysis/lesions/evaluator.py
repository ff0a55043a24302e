"""Evaluation of lesioned networks, with batch-norm statistics as trained or recalibrated."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.inputs.progress_bar import Progress, no_progress
from analysis.lesions.bn_recalibration import recalibrate
from analysis.lesions.experiments import Case
from analysis.lesions.rows import Finding
from analysis.lesions.shared_prefix import Batches, Network, evaluate
from analysis.stats.intervals import t_interval

ROUND = 5
"""Draws of each k between two looks at its interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalSettings:
    """Evaluation settings: test batches, compute type, and training batches that recalibrate batch norms, if any."""

    batches: Batches
    recalibration: Sequence[tuple[Tensor, Tensor]] = ()
    dtype: torch.dtype = torch.float32
    progress: Progress = no_progress

    @property
    def stages(self) -> tuple[bool, ...]:
        """Whether norms are recalibrated, in each of the evaluations: never, or first not and then so."""
        return (False, True) if self.recalibration else (False,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionEvaluator:
    """Evaluates cases that derive from one `whole` network, all recalibrated on the same batches or none."""

    whole: Network
    settings: EvalSettings
    recalibrated: bool = False

    def evaluate(self, label: str, cases: Sequence[Case]) -> list[Finding]:
        """Return the findings of the cases, in their order."""
        networks = self._as_evaluated([case.network for case in cases])
        total = None
        with contextlib.suppress(TypeError):  # a generator has no length
            total = len(networks) * len(self.settings.batches)  # type: ignore[arg-type]  # or a TypeError
        advance = self.settings.progress(label, total)
        outcomes = evaluate(networks, self.settings.batches, dtype=self.settings.dtype, advance=advance)
        batches = len(self.settings.recalibration) if self.recalibrated else 0
        pairs = zip(cases, outcomes, strict=True)
        return [Finding(case=case, outcome=outcome, bn_batches=batches) for case, outcome in pairs]

    def until_narrow(self, label: str, series: Sequence[Sequence[Case]], width: float) -> list[Finding]:
        """Evaluate the draws of each k in rounds, until the t interval of their mean is narrower than `width` points.

        A k ends between rounds only, and its draws are those of its seed however many are made.
        """
        findings: list[list[Finding]] = [[] for _ in series]
        for start in range(0, max(map(len, series), default=0), ROUND):
            still = [i for i, cases in enumerate(series) if start < len(cases) and not _narrow(findings[i], width)]
            cases = [case for i in still for case in series[i][start : start + ROUND]]
            if not cases:
                break
            evaluated = iter(self.evaluate(f"{label}, draw {start + 1} on", cases))
            for i in still:
                findings[i] += [next(evaluated) for _ in series[i][start : start + ROUND]]
        return [finding for drawn in findings for finding in drawn]

    def _as_evaluated(self, networks: Sequence[Network]) -> list[Network]:
        if not self.recalibrated:
            return list(networks)
        batches, dtype = self.settings.recalibration, self.settings.dtype
        base = recalibrate(self.whole, batches, dtype=dtype)
        return [
            base
            if each is self.whole
            else recalibrate(each, batches, whole=self.whole, recalibrated_whole=base, dtype=dtype)
            for each in networks
        ]


def _narrow(findings: Sequence[Finding], width: float) -> bool:
    interval = t_interval(finding.outcome.error for finding in findings)
    return len(findings) > 1 and interval.high - interval.low < width
