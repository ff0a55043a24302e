"""Block decisions of an epoch: which branches take part in which step, drawn on the host and kept on the device.

A captured step computes every branch of stochastic depth and of effective blocks and multiplies it by 0 or 1, so that
weights and statistics are those of a step that left it out. That costs what the branch costs, and spares the launches
of an eager step.
"""

import torch
from torch import Tensor, nn

from ablations.block import ResidualBlock
from resnet_lab.engine.effective_blocks import EffectiveBlocks
from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.rng import noise_seed


class BlockDecisions:
    """Decisions on the blocks of a network that may be left out, for every step of an epoch."""

    def __init__(
        self, model: nn.Module, effective: EffectiveBlocks | None, *, seed: int, steps: int, device: torch.device
    ) -> None:
        """Have each block read its decision from this object's memory, in training."""
        blocks = residual_blocks(model)
        self._all, self._count = len(blocks), effective.count if effective else 0
        self._places = [place for place, block in enumerate(blocks) if self._count or _is_dropped(block)]
        self._blocks = [blocks[place] for place in self._places]
        self._chances = torch.tensor([block.drop_path if _is_dropped(block) else 0.0 for block in self._blocks])
        self.seed, self._steps = seed, steps
        self._epoch = torch.ones(steps, len(self._blocks), device=device)
        self._step = torch.ones(len(self._blocks), device=device)
        for block, decision in zip(self._blocks, self._step.unbind(), strict=True):
            block.decision = decision
        self._norms = [(place, norm) for place, block in enumerate(self._blocks) for norm in _norms(block)]
        owners = [place for place, norm in self._norms for _ in range(2 * norm.num_features)]
        self._owners = torch.tensor(owners, dtype=torch.int64, device=device)

    def __bool__(self) -> bool:
        """Whether there is anything to decide."""
        return bool(self._blocks)

    def draw(self, epoch: int) -> Tensor:
        """Return 1 for each branch that takes part and 0 for one that does not, float32 [steps, blocks] on the CPU.

        They are those of the eager engine, unless the network draws other noise from the CPU, too.
        """
        generator = torch.Generator().manual_seed(noise_seed(self.seed, epoch))
        if not self._count:
            drawn = torch.rand((self._steps, len(self._blocks)), generator=generator)
            return (drawn >= self._chances).float()
        rows = [self._draw_step(generator) for _ in range(self._steps)]
        return torch.stack(rows) if rows else torch.ones(0, len(self._blocks))

    def _draw_step(self, generator: torch.Generator) -> Tensor:
        chosen = set(torch.randperm(self._all, generator=generator)[: self._count].tolist())
        taken = torch.tensor([float(place in chosen) for place in self._places])
        for index, chance in enumerate(self._chances.tolist()):
            if taken[index] and chance and torch.rand((), generator=generator) < chance:
                taken[index] = 0
        return taken

    def load(self, drawn: Tensor) -> None:
        """Put an epoch's decisions on the device."""
        self._epoch.copy_(drawn)

    def batches_seen(self, norm: nn.Module, count: int) -> Tensor | int:
        """Return in how many of the first `count` steps of the epoch a norm took part."""
        for place, one in self._norms:
            if one is norm:
                return self._epoch[:count, place].sum().to(torch.int64)
        return count

    def begin(self, step: Tensor) -> Tensor | None:
        """Let the blocks take the decisions of a step, int64 [1]; return what `end` needs."""
        self._step.copy_(self._epoch.index_select(0, step).squeeze(0))
        return self._statistics() if self._norms else None

    @torch.no_grad()
    def end(self, before: Tensor | None) -> None:
        """Give the norms of branches that were left out the running statistics back that they had at `begin`."""
        if before is None:
            return
        taken = self._step.index_select(0, self._owners) != 0
        found = torch.where(taken, self._statistics(), before).split_with_sizes([len(each) for each in self._running()])
        torch._foreach_copy_(self._running(), list(found))

    def _running(self) -> list[Tensor]:
        return [each for _, norm in self._norms for each in (norm.running_mean, norm.running_var) if each is not None]

    def _statistics(self) -> Tensor:
        return torch.cat(self._running())


def _is_dropped(block: ResidualBlock) -> bool:
    return block.shortcut is not None and block.drop_path > 0


def _norms(block: ResidualBlock) -> list[nn.BatchNorm2d]:
    """Return the norms of a branch: those of the shortcut take part in every step."""
    norms = (module for module in block.branch.modules() if isinstance(module, nn.BatchNorm2d))
    return [norm for norm in norms if norm.running_mean is not None]
