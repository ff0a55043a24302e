"""A study's declaration: its question, the switches it compares, and at what scales."""

import difflib
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from analysis.results.claim import Claim
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import Value
from resnet_lab.spec.dataset_option import chosen_images
from studies.plan.design import Cell, Design, Levels
from studies.plan.measure import Measure
from studies.plan.spaces import Tune, loguniform


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One size at which a study can be run."""

    dataset: DatasetName
    context: Levels
    """Fields crossed with the arms; arms are compared within each of their combinations."""
    seeds: tuple[int, ...]
    epochs: int | None = None
    """Length of a run in epochs; None leaves `recipe.iterations`."""
    changes: Mapping[str, Value] = field(default_factory=dict)
    """Fields that differ from the baseline of He et al. 2015 in every run."""
    arm: Levels = field(default_factory=dict)
    """Levels of the study's switches that are this scale's own, such as a number of blocks at its depth."""

    def __post_init__(self) -> None:
        name, place = chosen_images(self.dataset, None)
        if place is not None:
            raise UserError(f"a scale names no folder or file: give --dataset {self.dataset}, or name module:callable")
        object.__setattr__(self, "dataset", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A question whose answer is one table."""

    name: str
    question: str
    arm: Levels
    """The switches under study; the first value of each belongs to the baseline."""
    scales: Mapping[str, Scale]
    design: Design = Design.FULL
    """Which combinations of the switches are arms; `--design` overrides it."""
    listed: tuple[Cell, ...] = ()
    """The arms themselves under `Design.LISTED`, such as the rows of a published table; the first is the baseline."""
    names: tuple[str, ...] = ()
    """Names of the listed arms, in their order, by which `--only` chooses; none where they go by their levels."""
    implies: Mapping[tuple[str, Value], Mapping[str, Value]] = field(default_factory=dict)
    """Fields that go with a level, such as the learning rate with the optimiser: they follow it in every arm."""
    tune: tuple[Tune, ...] = (loguniform("recipe.lr", 1e-3, 1.0),)
    """What `--tune` gives each arm to choose for itself, and `--search` besides the switches."""

    measures: tuple[Measure, ...] = ()
    """What is measured on the trained networks besides their test error: a table, a figure and a section each."""

    accepts_faults: bool = False
    """Whether it compares faulty protocols; every other study refuses them unless `--accept-faults` is given."""

    claims: tuple[Claim, ...] = ()
    """What `--check-claims` answers, by `worse_than` and `equivalent` of `studies.plan.claims`."""

    def named(self, only: tuple[str, ...]) -> tuple[Cell, ...]:
        """Return the listed arms of these names, or all. Raises UserError, listing the names, for another one."""
        if only and not self.names:
            raise UserError(f"the arms of {self.name} have no names: leave out --only, and choose levels by --set")
        for name in only:
            if name not in self.names:
                raise UserError(f"{self.name} has no arm {name!r}: --only takes {', '.join(self.names)}")
        return tuple(c for i, c in enumerate(self.listed) if not only or self.names[i] in only)

    def scale(self, name: str) -> Scale:
        """Return one of the scales. Raises UserError, listing those there are, for another name."""
        if name not in self.scales:
            known = " and ".join(self.scales)
            raise UserError(f"{self.name} has no scale {name}, only {known}: give one of them as --scale")
        return self.scales[name]


def questions() -> list[str]:
    """Return the names of all studies: the modules straight under `studies/`, each of which declares a STUDY."""
    folder = str(Path(__file__).parents[1])
    names = [module.name for module in iter_modules([folder]) if not module.ispkg]
    return sorted(name for name in names if name != "__main__")


def require_question(name: str) -> None:
    """Raise UserError, with the likeliest name, where no study has that one."""
    known = questions()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"perhaps you meant {close[0]}; " if close else ""
        raise UserError(f"there is no study {name!r}: {hint}the studies are {', '.join(known)}")


def find_study(name: str) -> Study:
    """Return a study by its name, or the STUDY of a file of one's own. Raises UserError that lists the names."""
    if name.endswith(".py"):
        return _study_of_file(Path(name))
    require_question(name)
    found: Study = import_module(f"studies.{name}").STUDY
    return found


def _study_of_file(path: Path) -> Study:
    if not path.is_file():
        raise UserError(f"there is no file {path}: name a study, or a Python file that declares a STUDY")
    sys.path.insert(0, str(path.parent.absolute()))  # as `python FILE` does: it may import its neighbours
    found = runpy.run_path(str(path), run_name=path.stem).get("STUDY")
    if not isinstance(found, Study):
        raise UserError(f"{path} declares no STUDY: write STUDY = Study(...) in it, as studies/bn_placement.py does")
    return found


def command_of(study: Study) -> tuple[str, ...]:
    """Return the words that start a study: its module's, or those of the file that declares it."""
    own = Path(sys.argv[0])
    if study.name not in questions() and own.suffix == ".py" and own.stem not in ("__main__", "-m"):
        return ("python", sys.argv[0])
    return ("python", "-m", f"studies.{study.name}")
