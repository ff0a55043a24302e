"""Options of `python -m resnet_lab.train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro.conf
from tyro.conf import arg

from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Kernels
from resnet_lab.system.environment import cores
from resnet_lab.system.interrupt import require_grace

_BASELINE = RunSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the command, besides the fields of the run. Raises UserError for a number out of range."""

    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the data set: torchvision's layout, or cifar-10-batches-bin. Default: download once."""
    recipe: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """A recipe preset, to which --recipe.* fields are changes: python -m resnet_lab.recipes lists them."""
    epochs: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """Length of the run, in place of recipe.iterations."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Folder for the trial and the databases, which may be that of studies."""
    device: Annotated[str, arg(metavar="{auto,cpu,cuda,cuda:N}")] = "auto"
    """Where to train; cuda:1 is the second of the visible GPUs."""
    threads: Annotated[int | Literal["auto"], arg(metavar="{auto,INT}")] = "auto"
    """Threads on a CPU. auto: one a core; a study gives each of its trials one, and 1 gives the same bits."""
    deterministic: Annotated[bool, arg(help_behavior_hint="")] = False
    """Only algorithms that give equal bits in equal runs; env.json notes it. Slower on a GPU."""
    compile: Annotated[bool, arg(help_behavior_hint="")] = False
    """Train through torch.compile: pays off in long runs on a GPU."""
    kernels: Annotated[Kernels, arg(metavar="{" + ",".join(Kernels) + "}")] = Kernels.AUTO
    """auto: this project's own where they compute the network and, on a GPU, are checked and faster; torch: torch's."""
    grace: Annotated[float, arg(metavar="SECONDS")] = 0.0
    """On SIGTERM, as Slurm's --signal sends it some time before the end: how long the running epoch gets to finish."""
    fresh: Annotated[bool, arg(help_behavior_hint="")] = False
    """Train again what other versions of the code trained; it is set aside, not lost."""
    accept_faults: Annotated[bool, arg(help_behavior_hint="")] = False
    """Train by a protocol that is not correct (--protocol.*); the trial is marked as faulty wherever it appears."""
    dry_run: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print what would be trained and how long it takes, and stop; nothing is written."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""
    spec: Annotated[RunSpec, arg(name=""), tyro.conf.FlagConversionOff] = _BASELINE

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("threads", self.threads)):
            if isinstance(value, int) and value < 1:
                raise UserError(f"--{name} {value}: it must be 1 or more")
        require_grace(self.grace)

    def threads_on(self, device: str) -> int:
        """Return the threads of the worker: one beside a GPU, which computes."""
        if device != "cpu":
            return 1
        return cores() if self.threads == "auto" else self.threads

    @property
    def jobs(self) -> int:
        """How many trials run at once."""
        return 1
