"""What a run's network is in validation and at test, where it is not the one trained last. Imports no torch."""

from resnet_lab.spec.choices import EffectiveTest
from resnet_lab.spec.run_spec import RunSpec

_WORDS = {
    EffectiveTest.SCALED: (
        "all B blocks, each branch times {count}/B, the share of mini-batches that trained it; batch-norm statistics "
        "as gathered with {count} blocks"
    ),
    EffectiveTest.RECALIBRATED: (
        "all B blocks, branches unscaled; batch-norm statistics estimated again with all of them on training images, "
        "before each evaluation"
    ),
    EffectiveTest.UNSCALED: (
        "all B blocks, branches unscaled; batch-norm statistics as gathered with {count} blocks: a network that no "
        "step has trained"
    ),
}


def words_at_test(spec: RunSpec) -> str | None:
    """Return what the network is at test besides the weights it ended with; None where it is that network."""
    return "; ".join(filter(None, (_blocks_at_test(spec), _weights_at_test(spec)))) or None


def _weights_at_test(spec: RunSpec) -> str | None:
    if not spec.recipe.ema:
        return None
    return f"an exponential moving average of weights and batch-norm statistics, decay {spec.recipe.ema:g}"


def _blocks_at_test(spec: RunSpec) -> str | None:
    recipe = spec.recipe
    if recipe.effective_blocks:
        return _WORDS[recipe.effective_test].format(count=recipe.effective_blocks)
    if spec.model.block.drop_path:
        return (
            "all blocks, each branch times its chance to be there; batch-norm statistics as gathered with some missing"
        )
    return None
