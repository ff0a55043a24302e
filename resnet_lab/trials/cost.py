"""Cost of trials: seconds of training, measured on a few steps."""

from collections.abc import Sequence

from resnet_lab.spec import RunSpec
from resnet_lab.system.forked_call import submit
from resnet_lab.trials.trial import Trial


def estimate(todo: Sequence[Trial], device: str, jobs: int) -> float:
    """Return the seconds the trials would take: the smallest net is timed, the rest scaled by their FLOPs."""
    return estimate_many([(trial.spec, 1) for trial in todo], device, jobs)


def estimate_many(runs: Sequence[tuple[RunSpec, int]], device: str, jobs: int) -> float:
    """Return the seconds of runs by how many there are of each, as `estimate` does."""
    counted = [(spec, count) for spec, count in runs if count > 0]
    if not counted:
        return 0.0
    from resnet_lab.trials.throughput import forward_flops

    flops = {spec.model: 0 for spec, _ in counted}
    for spec, _ in counted:
        flops[spec.model] = flops[spec.model] or forward_flops(spec)
    smallest = min((spec for spec, _ in counted), key=lambda spec: flops[spec.model])
    rate = _seconds_per_flop(smallest, device)
    work = sum(flops[spec.model] * spec.recipe.iterations * spec.recipe.batch_size * n for spec, n in counted)
    return work * rate / min(jobs, sum(count for _, count in counted))


def _seconds_per_flop(spec: RunSpec, device: str) -> float:
    """Time a run's steps; on a GPU in a process of its own, so that this one takes nothing of its memory."""
    from resnet_lab.trials.throughput import seconds_per_flop

    return seconds_per_flop(spec, device) if device == "cpu" else submit(seconds_per_flop, spec, device).result()


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
