"""Options of every study's command."""

import re
from collections import Counter
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from analysis.stats.multiplicity import Correction
from resnet_lab.errors import UserError
from resnet_lab.spec import Precision
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.dataset_option import DatasetOption, take_images
from resnet_lab.spec.run_spec import MAX_SEED
from resnet_lab.system.interrupt import require_grace
from studies.plan.design import Design


class LaunchMode(StrEnum):
    """How a launch spends its trials."""

    PLANNED = "planned"
    """Every cell at every seed."""
    UNTIL_DECIDED = "until_decided"
    """Then more seeds for the comparisons that are open."""
    TUNE = "tune"
    """Then a search in each arm, and the same comparison at the chosen values."""
    SEARCH = "search"
    """An open search instead of a comparison."""


class Algorithm(StrEnum):
    TPE = "tpe"
    RANDOM = "random"


class Pruner(StrEnum):
    MEDIAN = "median"
    HYPERBAND = "hyperband"
    ASHA = "asha"
    NONE = "none"


class Match(StrEnum):
    """What a control has in common with its arm."""

    PARAMETERS = "parameters"
    FLOPS = "flops"


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a study's command. Raises UserError for a number out of range."""

    scale: Literal["quick", "cpu", "paper"] = "quick"
    """quick answers in minutes on a laptop; cpu in a night on its cores, in studies that have it; paper is the
    published protocol."""
    dataset: DatasetOption = None
    """Another data set than the scale's; images of one's own by their folder, file of arrays, or what returns them."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the data set: torchvision's layout, or cifar-10-batches-bin. Default: download once."""
    seeds: Annotated[tuple[int, ...], arg(metavar="INT ...", help_behavior_hint="")] = ()
    """Seeds, shared by all arms. Default: the scale's."""
    epochs: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """Length of each run. Default: the scale's."""
    recipe: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")] = None
    """A recipe preset in place of the scale's recipe and length: python -m resnet_lab.recipes lists them."""
    jobs: Annotated[int | Literal["auto"], arg(metavar="{auto,INT}")] = "auto"
    """Trials at once, on each GPU or node where there are several. auto: one a core; on a GPU as many as pay off,
    measured for a few seconds."""
    device: Annotated[str, arg(metavar="{auto,cpu,cuda,cuda:N}")] = "auto"
    """Where to train; cuda:1 is the second of the visible GPUs, cuda all of them."""
    devices: Annotated[str | None, arg(metavar="N,N,...", help_behavior_hint="")] = None
    """GPUs of this machine to train on, such as 0,1,3. Default: all that are visible."""
    cluster: Annotated[str | None, arg(metavar="{auto,HOST:PORT}", help_behavior_hint="")] = None
    """Train on the nodes of a Ray cluster: the one of this machine, or at an address. SCALING.md has recipes."""
    precision: Annotated[Precision, arg(metavar="{" + ",".join(Precision) + "}")] = Precision.AUTO
    """auto: bf16 where the processor or GPU computes in it, else fp32. tf32: fp32 by a GPU's tensor cores."""
    deterministic: Annotated[bool, arg(help_behavior_hint="")] = False
    """Only algorithms that give equal bits in equal runs; env.json notes it. Slower on a GPU."""
    compile: Annotated[bool, arg(help_behavior_hint="")] = False
    """Train through torch.compile: pays off in long runs on a GPU."""
    kernels: Annotated[Kernels, arg(metavar="{" + ",".join(Kernels) + "}")] = Kernels.AUTO
    """auto: this project's own where they compute the network and, on a GPU, are checked and faster; torch: torch's."""
    log_batches: Annotated[bool, arg(help_behavior_hint="")] = False
    """Record the training accuracy of every mini-batch: a figure, and metrics in MLflow."""
    log_test: Annotated[bool, arg(help_behavior_hint="")] = False
    """Record the test error after every epoch, for its curve; nothing is chosen by it."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Folder for trials, databases and reports."""
    name: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """Ending of the report's name, in place of what differs from the study's defaults: depth56-seeds0-4."""
    fresh: Annotated[bool, arg(help_behavior_hint="")] = False
    """Train again by today's code what other code has trained; the earlier trials are set aside, not deleted."""
    design: Annotated[Design | None, arg(metavar="{" + ",".join(Design) + "}", help_behavior_hint="")] = None
    """Which combinations of the switches are arms; listed: those the study names. Default: the study's."""
    only: Annotated[tuple[str, ...], arg(metavar="NAME ...", help_behavior_hint="")] = ()
    """Some of the arms, by their names, in studies that list named arms."""
    orders: Annotated[int, arg(metavar="INT")] = 1
    """With --design ladder: in how many orders its rungs are climbed."""
    cells: Annotated[int, arg(metavar="INT")] = 16
    """With --design random or sobol: arms that are drawn, besides the baseline."""
    resolution: Annotated[int, arg(metavar="INT")] = 3
    """With --design fractional: 3 keeps main effects apart; 4 keeps them clear of pairs, too."""
    arm: Annotated[tuple[str, ...], arg(metavar="NAME=VALUES ...", help_behavior_hint="")] = ()
    """Cross a further switch with the study's, the baseline first: recipe.optimizer=sgd,adam:recipe.lr=0.001; what
    follows a colon goes with that value."""
    splits: Annotated[int, arg(metavar="K")] = 1
    """Train/validation splits that the seeds are dealt over: as many as seeds give each its own, so that intervals hold
    for other splits too. 1: the fixed split for all."""
    match: Annotated[Match | None, arg(metavar="{parameters,flops}", help_behavior_hint="")] = None
    """Give arms with other parameters or FLOPs a control: the baseline at the width that comes nearest."""
    until_decided: Annotated[bool, arg(help_behavior_hint="")] = False
    """Add seeds in pairs to the arms whose comparison is open, corrected for the repeated looks."""
    max_seeds: Annotated[int, arg(metavar="INT")] = 20
    """With --until-decided: seeds an arm gets at most."""
    robust: Annotated[bool, arg(help_behavior_hint="")] = False
    """With --until-decided: also hold decisions to tests for skewed outcomes, which need some 9 seeds at least."""
    margin: Annotated[float, arg(metavar="POINTS")] = 0.0
    """A difference below this does not matter: the report tests for equivalence. 0: no margin, direction alone."""
    correction: Annotated[Correction, arg(metavar="{holm,bh}")] = Correction.HOLM
    """Of the table's p values: holm bounds the chance of any false difference, bh (Benjamini-Hochberg) the share of
    false ones among those found. Equivalence, claims and verdicts keep Holm's."""
    bootstrap: Annotated[bool, arg(help_behavior_hint="")] = False
    """Also give bootstrap-t intervals, next to Student's; from 5 seeds on."""
    check_claims: Annotated[bool, arg(help_behavior_hint="")] = False
    """Answer the study's claims: exit 0 where all are held, 1 where one is refuted, 3 where one is underpowered."""
    verdict: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print better, worse, equivalent (--margin) or undecided for each arm as JSON, and how often that errs: exit 0
    where one is better, 1 where none is, 3 where seeds do not tell."""
    tune: Annotated[bool, arg(help_behavior_hint="")] = False
    """Compare again with each arm tuned by a search of its own, the same budget for each."""
    tune_trials: Annotated[int, arg(metavar="INT")] = 12
    """With --tune: trials for each arm."""
    tune_seeds: Annotated[int, arg(metavar="K")] = 1
    """With --tune: searches for each arm, at seeds of their own; the seeds compared are dealt over them, so that the
    intervals hold what the choice leaves to chance."""
    tune_algorithm: Annotated[Algorithm, arg(metavar="{tpe,random}")] = Algorithm.TPE
    """With --tune: random draws are independent, so that even one search an arm gives its tuning curve a band."""
    search: Annotated[Algorithm | None, arg(metavar="{tpe,random}", help_behavior_hint="")] = None
    """Search the study's switches and its `tune` for the least validation error, instead of comparing arms."""
    trials: Annotated[int, arg(metavar="INT")] = 40
    """With --search: trials in all."""
    pruner: Annotated[Pruner, arg(metavar="{median,hyperband,asha,none}")] = Pruner.MEDIAN
    """With --tune and --search: what stops a trial early; it compares trials of one search only."""
    grace: Annotated[float, arg(metavar="SECONDS")] = 0.0
    """On SIGTERM, as Slurm's --signal sends it some time before the end: how long running epochs get to finish."""
    accept_faults: Annotated[bool, arg(help_behavior_hint="")] = False
    """Run a protocol that is not correct (protocol.*); the report marks every such trial in red."""
    dry_run: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the plan and stop; nothing is written."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the table (or the plan) as JSON on stdout, and nothing else there."""
    assignments: Annotated[tuple[str, ...], arg(name="set", metavar="NAME=VALUE ...", help_behavior_hint="")] = ()
    """Set fields in every run: model.width=32. A field that the study varies takes a list: model.depth=20,56."""

    def __post_init__(self) -> None:
        take_images(self)
        if any(not 0 <= seed <= MAX_SEED for seed in self.seeds):
            wrong = next(seed for seed in self.seeds if not 0 <= seed <= MAX_SEED)
            raise UserError(f"--seeds {wrong}: a seed is a whole number from 0 to {MAX_SEED}")
        if twice := [seed for seed, count in Counter(self.seeds).items() if count > 1]:
            raise UserError(f"--seeds holds {twice[0]} twice, which is one run: give each seed once")
        if self.name and not _NAME.fullmatch(self.name):
            raise UserError(f"--name {self.name!r} is part of a folder's name: up to 60 letters, digits, '.', '_', '-'")
        self._require_its_option()
        require_grace(self.grace)
        if not 0 <= self.margin <= 100:
            raise UserError(f"--margin {self.margin:g}: it is a difference in points, 0 to 100")
        if len(self._modes()) > 1:
            asked = " and ".join(f"--{mode.replace('_', '-')}" for mode in self._modes())
            raise UserError(f"{asked} answer different questions: give one of them")
        if self.verdict and (self._modes() or self.check_claims):
            asked = "check-claims" if self.check_claims else self.mode.replace("_", "-")
            raise UserError(f"--verdict and --{asked} each have an exit code and a test of their own: give one of them")
        if self.check_claims and self._modes():
            asked = self.mode.replace("_", "-")
            raise UserError(
                f"--check-claims tests at seeds fixed beforehand, once: leave out --{asked}, or --check-claims"
            )
        if self.log_test and (self.tune or self.search):
            asked = "--tune" if self.tune else "--search"
            raise UserError(f"--log-test reads the test set at every epoch, and {asked} chooses: leave out one of them")
        if self.fresh and (self.tune or self.search):
            asked = "--tune" if self.tune else "--search"
            raise UserError(f"--fresh cannot unlearn what {asked} has found by earlier trials: give another --out")
        if self.robust and not self.until_decided:
            raise UserError("--robust is a rule of --until-decided: give both, or neither")
        if (self.correction != Correction.HOLM or self.bootstrap) and (self.until_decided or self.search):
            asked = (
                "--until-decided corrects its intervals itself" if self.until_decided else "--search compares no arms"
            )
            raise UserError(f"{asked}: leave out --correction and --bootstrap")
        if self.tune_algorithm != Algorithm.TPE and not self.tune:
            raise UserError("--tune-algorithm says how --tune searches: give both, or neither")
        if self.tune_seeds > 1 and not self.tune:
            raise UserError("--tune-seeds counts the searches of --tune: give both, or neither")
        if self.splits > 1 and self.search:
            raise UserError("--search has one seed and so one split: leave out --splits")
        if self.match and (self.until_decided or self.search):
            asked = "--until-decided" if self.until_decided else "--search"
            raise UserError(f"{asked} compares nothing with a control: leave out --match, or {asked}")
        whole = {"epochs": self.epochs, "jobs": self.jobs, "tune-trials": self.tune_trials, "trials": self.trials}
        whole |= {"orders": self.orders, "cells": self.cells, "splits": self.splits, "tune-seeds": self.tune_seeds}
        for name, value in whole.items():
            if isinstance(value, int) and value < 1:
                raise UserError(f"--{name} {value}: it must be 1 or more")

    def _require_its_option(self) -> None:
        """Raise UserError for a number that only another option would read."""
        searched, tuned = self.search is not None, self.tune
        for name, read, by in (
            ("trials", searched, "--search"),
            ("pruner", searched or tuned, "--search and --tune"),
            ("tune_trials", tuned, "--tune"),
            ("max_seeds", self.until_decided, "--until-decided"),
        ):
            if not read and getattr(self, name) != DEFAULTS[name]:
                asked = name.replace("_", "-")
                raise UserError(f"--{asked} is read by {by} alone, which was not asked for: give both, or neither")

    @property
    def mode(self) -> LaunchMode:
        """How the launch spends its trials."""
        return next(iter(self._modes()), LaunchMode.PLANNED)

    @property
    def prints_json(self) -> bool:
        """Whether stdout holds JSON alone."""
        return self.json or self.verdict

    def _modes(self) -> list[LaunchMode]:
        asked = {
            LaunchMode.UNTIL_DECIDED: self.until_decided,
            LaunchMode.TUNE: self.tune,
            LaunchMode.SEARCH: self.search is not None,
        }
        return [mode for mode, given in asked.items() if given]


DEFAULTS = {field.name: field.default for field in fields(Options)}


def require_design(options: Options, design: Design) -> None:
    """Raise UserError for an option that another design than this one reads."""
    for name, readers in (
        ("orders", (Design.LADDER,)),
        ("cells", (Design.RANDOM, Design.SOBOL)),
        ("resolution", (Design.FRACTIONAL,)),
    ):
        if design not in readers and getattr(options, name) != DEFAULTS[name]:
            which = " or ".join(readers)
            raise UserError(f"--{name} is read by --design {which} alone, and the design is {design}: leave it out")
