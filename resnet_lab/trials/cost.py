"""Cost of trials: seconds of training, measured on a few steps."""

from collections.abc import Sequence

from resnet_lab.trials.trial import Trial


def estimate(todo: Sequence[Trial], device: str, jobs: int) -> float:
    """Return the seconds the trials would take: the smallest net is timed, the rest scaled by their FLOPs."""
    if not todo:
        return 0.0
    from resnet_lab.trials.throughput import forward_flops, seconds_per_flop

    flops = {trial.spec.model: 0 for trial in todo}
    for trial in todo:
        flops[trial.spec.model] = flops[trial.spec.model] or forward_flops(trial.spec)
    smallest = min(todo, key=lambda trial: flops[trial.spec.model])
    rate = seconds_per_flop(smallest.spec, device)
    work = sum(flops[trial.spec.model] * trial.spec.recipe.iterations * trial.spec.recipe.batch_size for trial in todo)
    return work * rate / min(jobs, len(todo))


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
