"""Rounds of a comparison and their summary: pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

TRAINING_PASSES = 3  # a backward pass costs two forward ones: a gradient of the input and one of the weights
BUSY = 0.1  # cores in use by others from which the table reports a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One turn of each side. Rates in images/s and GFLOP/s, over all cores."""

    engine: float
    reference: dict[int, float]
    """By number of loader workers."""
    gemm_gflops: float
    others: float = 0.0
    """Cores that other programs used meanwhile."""

    @property
    def best_workers(self) -> int:
        return max(self.reference, key=lambda workers: self.reference[workers])

    @property
    def ratio(self) -> float:
        """Engine over the best of the reference in the same round."""
        return self.engine / self.reference[self.best_workers]


def summarise(rounds: Sequence[Round], forward_flops: int) -> dict[str, Any]:
    """Return medians over the rounds, and each round. `forward_flops` is of one image.

    `ratio` and `gemm_share` are medians of the rounds' own ratios, which other load disturbs least.
    """
    flops = TRAINING_PASSES * forward_flops / 1e9
    return {
        "engine_images_per_s": round(median(turn.engine for turn in rounds), 1),
        "reference_images_per_s": round(median(turn.reference[turn.best_workers] for turn in rounds), 1),
        "ratio": round(median(turn.ratio for turn in rounds), 3),
        "ratio_min": round(min(turn.ratio for turn in rounds), 3),
        "ratio_max": round(max(turn.ratio for turn in rounds), 3),
        "engine_gflops": round(median(turn.engine for turn in rounds) * flops, 1),
        "gemm_gflops": round(median(turn.gemm_gflops for turn in rounds), 1),
        "gemm_share": round(median(turn.engine * flops / turn.gemm_gflops for turn in rounds), 3),
        "other_load_cores": round(median(turn.others for turn in rounds), 2),
        "rounds": [
            {
                "engine_images_per_s": round(turn.engine, 1),
                "reference_images_per_s": {str(count): round(rate, 1) for count, rate in turn.reference.items()},
                "ratio": round(turn.ratio, 3),
                "gemm_gflops": round(turn.gemm_gflops, 1),
                "other_load_cores": round(turn.others, 2),
            }
            for turn in rounds
        ],
    }


def table(rounds: Sequence[Round], result: dict[str, Any]) -> str:
    """Return the rounds and their summary as lines of at most 80 columns."""
    precision = result["precision"]
    lines = [
        f"{result['processor']}, {result['engine_processes']} engine processes",
        "",
        f"{'images/s':>16} {'usual loop (its workers)':>26} {'ratio':>7} {precision + ' GFLOP/s':>15}",
    ]
    for number, turn in enumerate(rounds, 1):
        best = turn.best_workers
        reference = f"{turn.reference[best]:.0f} ({best})"
        lines.append(
            f"round {number:<2} {turn.engine:>7.0f} {reference:>26} {turn.ratio:>7.2f} {turn.gemm_gflops:>15.0f}"
        )
    lines += [
        "",
        f"ratio {result['ratio']:.2f} (median; {result['ratio_min']:.2f} to {result['ratio_max']:.2f}): "
        f"{result['engine_images_per_s']:.0f} against {result['reference_images_per_s']:.0f} images/s",
        f"engine: {result['engine_gflops']:.0f} GFLOP/s, {result['gemm_share']:.0%} of the {precision} matrix rate "
        "in the same rounds",
    ]
    if result["other_load_cores"] >= BUSY:
        lines.append(
            f"other programs used {result['other_load_cores']:.1f} cores, which slows the usual loop more than the\n"
            "engine: on a quiet machine the ratio is lower"
        )
    return "\n".join(lines)
