"""Error rates of `--until-decided`, simulated, and the seeds it saves against a number fixed in advance.

python benchmarks/sequential_rates.py            about two minutes on one core
python benchmarks/sequential_rates.py --distributions lognormal --robust-paths 100000
python benchmarks/sequential_rates.py --json
"""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, assert_never

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from resnet_lab.system.command import parse, reporting

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

DESCRIPTION = "Simulated error rates and expected seeds of `--until-decided`."
ALPHA, SCHEDULE_FROM = 0.05, 3
EFFECTS = (0.0, 0.5, 1.0, 1.5, 2.0, 4.0)
"""Mean differences in standard deviations of the differences."""
MAX_POWER = 0.99
"""Nobody plans for more power than this."""
TEST_IMAGES, ERROR_SHARE = 360, 0.03
"""Digits' test set, and the share of it that a network misreads."""


class Distribution(StrEnum):
    """What the differences of an arm that is no better and no worse are like; all have the mean 0."""

    NORMAL = "normal"
    LOGNORMAL = "lognormal"
    """Skewed: exp(0.7 z) less its mean."""
    LOGNORMAL_ARMS = "lognormal_arms"
    """Both arms skewed alike, so that their difference is symmetric, with heavy tails."""
    EXPONENTIAL = "exponential"
    T3 = "t3"
    """Symmetric, with heavy tails."""
    BINOMIAL = "binomial"
    """Errors on 360 test images in both arms: coarse steps, many of them 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark."""

    paths: Annotated[int, arg(metavar="INT")] = 1_000_000
    """Simulated studies for each number."""
    max_seeds: Annotated[int, arg(metavar="INT")] = 20
    """Largest number of seeds."""
    distributions: Annotated[tuple[Distribution, ...], arg(metavar="NAME ...")] = tuple(Distribution)
    """Distributions of the differences, all of mean 0, under which one comparison is made."""
    robust_paths: Annotated[int, arg(metavar="INT")] = 20_000
    """Simulated studies for each rate of --robust, whose tests count sign patterns one study after the other."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""


def measure(options: Options) -> dict[str, Any]:
    """Return family-wise error by arms, the same with lost seeds, and power and seeds by effect."""
    from analysis.stats.sequential import looks

    schedule = looks(SCHEDULE_FROM, options.max_seeds)
    return {
        "schedule": list(schedule),
        "family_wise_error": {arms: family_wise_error(schedule, arms, options.paths) for arms in (1, 3, 7)},
        "family_wise_error_with_every_tenth_seed_lost": lost_seeds(schedule, options.paths // 4),
        "by_distribution": {
            str(kind): {
                "plain": plain_rate(kind, schedule, options.paths // 4),
                "robust": robust_rate(kind, schedule, options.robust_paths),
            }
            for kind in options.distributions
        },
        "robust_power_at_1_sd": robust_rate(Distribution.NORMAL, schedule, options.robust_paths // 4, effect=1.0),
        "effects": [against_fixed(schedule, effect, options.paths // 4) for effect in EFFECTS],
    }


def family_wise_error(schedule: Sequence[int], arms: int, paths: int) -> dict[str, float]:
    """Return the share of studies that call any of `arms` equal arms better or worse; they share their baseline."""
    import numpy as np

    from analysis.stats.sequential import least_p, level

    rng, threshold, chunk = np.random.default_rng(7), level(tuple(schedule), ALPHA / arms), 50_000
    wrong = 0
    for _ in range(max(1, paths // chunk)):
        baseline = rng.standard_normal((chunk, schedule[-1]))
        any_wrong = np.zeros(chunk, bool)
        for _ in range(arms):
            any_wrong |= least_p(rng.standard_normal(baseline.shape) - baseline, schedule, ALPHA) <= threshold
        wrong += int(any_wrong.sum())
    total = max(1, paths // chunk) * chunk
    return _rate(wrong, total)


def differences(kind: Distribution, rng: "np.random.Generator", shape: tuple[int, int]) -> "Array":
    """Return differences of mean 0, studies x seeds."""
    import numpy as np

    match kind:
        case Distribution.NORMAL:
            return rng.standard_normal(shape)
        case Distribution.LOGNORMAL:
            return np.exp(0.7 * rng.standard_normal(shape)) - math.exp(0.7**2 / 2)
        case Distribution.LOGNORMAL_ARMS:
            return np.exp(0.7 * rng.standard_normal(shape)) - np.exp(0.7 * rng.standard_normal(shape))
        case Distribution.EXPONENTIAL:
            return rng.exponential(1.0, shape) - 1
        case Distribution.T3:
            return rng.standard_t(3, shape)
        case Distribution.BINOMIAL:
            wrong = rng.binomial(TEST_IMAGES, ERROR_SHARE, (2, *shape))
            return 100 * (wrong[0] - wrong[1]) / TEST_IMAGES
        case _:
            assert_never(kind)


def plain_rate(kind: Distribution, schedule: Sequence[int], paths: int) -> dict[str, float]:
    """Return the share of studies that decide on one arm by the corrected interval alone."""
    import numpy as np

    from analysis.stats.sequential import least_p, level

    rng, threshold, chunk = np.random.default_rng(10), level(tuple(schedule), ALPHA), 50_000
    chunks = max(1, paths // chunk)
    wrong = sum(
        int((least_p(differences(kind, rng, (chunk, schedule[-1])), schedule, ALPHA) <= threshold).sum())
        for _ in range(chunks)
    )
    return _rate(wrong, chunks * chunk)


def robust_rate(kind: Distribution, schedule: Sequence[int], paths: int, *, effect: float = 0.0) -> dict[str, float]:
    """Return the share of studies that `--robust` decides on one arm, `effect` away from the baseline."""
    import numpy as np

    from analysis.stats.sequential import Decision, decide, least_p, level

    values = differences(kind, np.random.default_rng(11), (paths, schedule[-1])) + effect
    possible = values[least_p(values, schedule, ALPHA) <= level(tuple(schedule), ALPHA)]
    decided = 0
    for row in possible.tolist():
        looks = (decide({0: row[:n]}, look, schedule, ALPHA, robust=True)[0] for look, n in enumerate(schedule))
        decided += any(one.decision != Decision.UNDECIDED for one in looks)
    return _rate(decided, paths)


def _rate(count: int, total: int) -> dict[str, float]:
    share = count / total
    return {"rate": share, "standard_error": math.sqrt(share * (1 - share) / total)}


def lost_seeds(schedule: Sequence[int], paths: int, share: float = 0.1) -> dict[str, float]:
    """Return the error of one comparison where trials fail at random: an arm then has fewer pairs than the look."""
    import numpy as np
    from scipy.special import stdtr

    from analysis.stats.sequential import level

    rng, full_level = np.random.default_rng(8), level(tuple(schedule), ALPHA)
    values = rng.standard_normal((paths, schedule[-1]))
    complete = rng.random(values.shape) > share
    pairs = np.cumsum(complete, axis=1)
    sums, squares = np.cumsum(values * complete, axis=1), np.cumsum(values**2 * complete, axis=1)
    wrong = np.zeros(paths, bool)
    for look in schedule:
        n, total = pairs[:, look - 1], sums[:, look - 1]
        enough = n > 1
        t = total[enough] / np.sqrt((n * squares[:, look - 1] - total**2)[enough] / (n[enough] - 1))
        threshold = np.where(n[enough] == look, full_level, ALPHA / len(schedule))
        wrong[enough] |= 2 * stdtr(n[enough] - 1, -np.abs(t)) <= threshold
    rate = float(wrong.mean())
    return {"rate": rate, "standard_error": math.sqrt(rate * (1 - rate) / paths)}


def against_fixed(schedule: Sequence[int], effect: float, paths: int) -> dict[str, float | None]:
    """Return power and mean seeds of one comparison, and the fixed number of seeds with the same power."""
    import numpy as np
    from scipy.special import stdtrit

    from analysis.stats.power import power, seeds_needed
    from analysis.stats.sequential import level

    threshold = level(tuple(schedule), ALPHA)
    values = np.random.default_rng(9).standard_normal((paths, schedule[-1])) + effect
    sums, squares = np.cumsum(values, axis=1), np.cumsum(values**2, axis=1)
    used = np.full(paths, schedule[-1])
    decided = np.zeros(paths, bool)
    for n in schedule:
        t = sums[:, n - 1] / np.sqrt((n * squares[:, n - 1] - sums[:, n - 1] ** 2) / (n - 1))
        fresh = ~decided & (np.abs(t) > stdtrit(n - 1, 1 - threshold / 2))
        used[fresh], decided = n, decided | fresh
    share = float(decided.mean())
    fixed = seeds_needed(effect, 1.0, kind="paired", alpha=ALPHA, wanted=min(share, MAX_POWER)) if effect else None
    return {
        "effect_in_sd": effect,
        "decided": share,
        "mean_seeds": float(used.mean()),
        "fixed_seeds_of_equal_power": fixed,
        "power_of_fixed_max_seeds": power(effect, 1.0, schedule[-1], kind="paired", alpha=ALPHA),
        "seeds_saved_against_max": 1 - float(used.mean()) / schedule[-1],
    }


def main(argv: Sequence[str] | None = None) -> None:
    with reporting():
        options = parse(Options, prog="python benchmarks/sequential_rates.py", description=DESCRIPTION, argv=argv)
        result = measure(options)
        if options.json:
            print(json.dumps(result, indent=2))
            return
        print(f"looks at {', '.join(map(str, result['schedule']))} seeds; nominal family-wise error {ALPHA:.0%}")
        for arms, rate in result["family_wise_error"].items():
            print(f"  {arms} equal arms: {rate['rate']:.4f} +- {rate['standard_error']:.4f}")
        lost = result["family_wise_error_with_every_tenth_seed_lost"]
        print(f"  1 equal arm, every tenth seed lost: {lost['rate']:.4f} +- {lost['standard_error']:.4f}")
        print("1 arm whose differences are of mean 0 and of another kind, decided by chance:")
        for kind, rates in result["by_distribution"].items():
            plain, robust = (f"{rates[name]['rate']:.4f} +- {rates[name]['standard_error']:.4f}" for name in rates)
            print(f"  {kind:<15} {plain}   with --robust {robust}")
        print(f"  power of --robust at 1 sd, normal: {result['robust_power_at_1_sd']['rate']:.3f}")
        print(f"{'effect/sd':>9} {'decided':>8} {'mean seeds':>11} {'fixed, equal power':>19} {'saved of max':>13}")
        for row in result["effects"]:
            fixed = row["fixed_seeds_of_equal_power"] or "-"
            print(
                f"{row['effect_in_sd']:>9} {row['decided']:>8.3f} {row['mean_seeds']:>11.2f} {fixed:>19} "
                f"{row['seeds_saved_against_max']:>13.0%}"
            )


if __name__ == "__main__":
    main()
