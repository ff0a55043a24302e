"""Effective-path training (Veit et al. 2016, section 4.3): each mini-batch trains a fixed number m of the B blocks.

At test all B take part. Unscaled, they are a network that no step has trained, on batch-norm statistics of another: at
m = 12 of 27 its test error is 88.8 % on the digits, 14.2 with branches times m/B and 12.9 with the statistics estimated
again (means of three seeds, benchmarks/NOTES.md). What the network is at test is therefore a field,
`recipe.effective_test`, in validation as in the saved network.
"""

import torch
from torch import nn

from resnet_lab.errors import RefusedError
from resnet_lab.networks.resnet import residual_blocks


class EffectiveBlocks:
    """Chooses exactly `count` of a network's residual blocks before each step; the others pass their shortcut only."""

    def __init__(self, model: nn.Module, count: int) -> None:
        self.blocks = residual_blocks(model)
        self.count = count
        if count > len(self.blocks) or any(block.shortcut is None for block in self.blocks):
            raise RefusedError(
                f"recipe.effective_blocks={count} needs {count} blocks with a shortcut, and this network has "
                f"{sum(block.shortcut is not None for block in self.blocks)}: choose fewer"
            )
        for block in self.blocks:
            # A skipped block leaves its input itself to the activation, which must then not overwrite it.
            for module in block.after.modules():
                if isinstance(module, nn.ReLU | nn.LeakyReLU):
                    module.inplace = False

    def draw(self) -> None:
        """Choose the blocks of the next step, from torch's generator, which the engine seeds by (seed, epoch)."""
        chosen = set(torch.randperm(len(self.blocks))[: self.count].tolist())
        for index, block in enumerate(self.blocks):
            block.active = index in chosen

    def restore(self) -> None:
        """Let every block take part again, as at test."""
        for block in self.blocks:
            block.active = True
