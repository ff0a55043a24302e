"""What a run's network is at test besides its weights: the factor on branches that training ran in some steps only."""

from torch import nn

from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.spec import EffectiveTest, RecipeSpec


def scale_for_test(model: nn.Module, recipe: RecipeSpec) -> None:
    """Let each branch count, in eval mode, by the share of the steps that trained it, where the recipe says so.

    The share is no tensor, so whoever builds the network of a run for its weights must call this.
    """
    if not recipe.effective_blocks or recipe.effective_test != EffectiveTest.SCALED:
        return
    blocks = residual_blocks(model)
    for block in blocks:
        block.test_share = recipe.effective_blocks / len(blocks)
