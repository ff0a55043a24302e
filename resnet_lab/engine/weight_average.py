"""Exponential moving average of a network's weights, which is validated, tested and kept in their place."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """The average after t steps: decay times the one before and the rest of the weights after step t.

    The decay is min(1 - 1/t, `decay`) (Tarvainen and Valpola 2017, arXiv 1703.01780, in their code): a plain mean at
    first, so that a short run does not average its random start. Batch-norm statistics are averaged alike; what is no
    floating-point number stays the network's own. Nothing here waits for the device, so a step can be captured.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._live = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
        self._averages = {name: value.clone() for name, value in self._live.items()}
        self._least = 1 - decay
        self._steps = torch.zeros((), device=next(iter(self._live.values())).device)

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights after a step into the average."""
        self._steps += 1
        share = (1 / self._steps).clamp(min=self._least)
        averages, live = list(self._averages.values()), list(self._live.values())
        # By the difference, so that what is frozen stays as it is to the bit.
        differences = torch._foreach_sub(live, averages)
        torch._foreach_mul_(differences, share)
        torch._foreach_add_(averages, differences)

    @torch.no_grad()
    def restart(self) -> None:
        """Begin anew with the weights as they are, in the memory that there is."""
        self._steps.zero_()
        for name, value in self._averages.items():
            value.copy_(self._live[name])

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the network have the average in place of its weights, within the block."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def keep(self) -> None:
        """Give the network the average for good."""
        for name, value in self._live.items():
            value.copy_(self._averages[name])

    def tensors(self) -> list[Tensor]:
        """Return every tensor that `update` changes."""
        return [self._steps, *self._averages.values()]

    def state(self) -> dict[str, Any]:
        """Return what `restore` takes."""
        return {"steps": self._steps, "weights": dict(self._averages)}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state()`."""
        self._steps.copy_(state["steps"])
        for name, value in self._averages.items():
            value.copy_(state["weights"][name])

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, value in self._live.items():
            weights = value.clone()
            value.copy_(self._averages[name])
            self._averages[name].copy_(weights)
