"""plan.json: the plan of a study as its report reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from analysis.results.json_file import read_object
from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value

Json = Mapping[str, Any]
SEQUENTIAL = "sequential"
"""The name of the section whose intervals are corrected for repeated looks: the page says so where it gives others."""
NEEDED = ("study", "question", "scale", "dataset", "arm", "context", "baseline", "seeds")
"""Keys that every version of plan.json has."""
HOLM = "holm"
"""The correction of every version of plan.json that names none."""
OPTIONAL = (
    *("design", "variant", "implies", "aliases", "runs", "controls", "claims", "splits", "searches", "recipe"),
    "measures",
    "correction",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSection:
    """A further section of the report; `content` is what JSON takes of it, kept in `<name>.json` next to plan.json."""

    name: str
    text: str
    content: Any = None

    def as_dict(self) -> dict[str, str]:
        """Return the part of plan.json."""
        return {"name": self.name, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """What a study asked and ran: `arm` and `context` map the dotted names of fields to their levels."""

    study: str
    question: str
    scale: str
    dataset: str
    design: str = ""
    variant: str = ""
    arm: Mapping[str, Sequence[Value]]
    context: Mapping[str, Sequence[Value]]
    baseline: Mapping[str, Value]
    implies: Sequence[Json] = ()
    """Fields that go with a level: `field`, `value` and `changes` of each."""
    aliases: Sequence[str] = ()
    seeds: Sequence[int]
    splits: int = 1
    """Train/validation splits that the seeds are dealt over, by their remainder."""
    searches: int = 1
    """Tuning searches of each arm whose choices the seeds are dealt over, alike."""
    margin: float = 0.0
    """Difference in points below which arms count as equal; 0 where the study named none."""
    sections: tuple[ReportSection, ...] = ()
    runs: Sequence[Json] = ()
    controls: Sequence[Json] = ()
    """Matched controls, each with its `context`, `arm` and `control`, and how near it comes."""
    measures: Sequence[Json] = ()
    """Measures taken after training: `name`, `metric` and `title` of each, and `failures`, a sentence for each network
    that could not be measured."""
    correction: str = HOLM
    """Of the p values of the table: a value of `analysis.stats.multiplicity.Correction`."""
    claims: Sequence[Json] = ()
    """What the study claims of its cells: see `analysis.results.claim`."""
    recipe: Json | None = None
    """The recipe preset asked for, and what was changed: see `resnet_lab.spec.recipes.recipe_record`."""

    @classmethod
    def from_dict(cls, content: Json, source: object = "plan.json") -> Self:
        """Return the record of a plan.json of any version. Raises UserError, naming `source`, for a missing key."""
        missing = [name for name in NEEDED if name not in content]
        if missing:
            raise UserError(f"{source} lacks {missing[0]!r}: run the study again, which rewrites it")
        optional = {name: content[name] for name in OPTIONAL if content.get(name)}
        return cls(
            **{name: content[name] for name in NEEDED},
            **optional,
            margin=float(content.get("margin") or 0),
            sections=tuple(
                ReportSection(name=str(each["name"]), text=str(each["text"])) for each in content.get("sections") or ()
            ),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the record of a file. Raises UserError where it cannot be read."""
        return cls.from_dict(read_object(path), path)

    def as_dict(self) -> dict[str, Any]:
        """Return plan.json."""
        return {
            "study": self.study,
            "question": self.question,
            "scale": self.scale,
            "dataset": self.dataset,
            "design": self.design,
            "variant": self.variant,
            "arm": {name: list(levels) for name, levels in self.arm.items()},
            "context": {name: list(levels) for name, levels in self.context.items()},
            "baseline": dict(self.baseline),
            "implies": [dict(each) for each in self.implies],
            "aliases": list(self.aliases),
            "seeds": list(self.seeds),
            "margin": self.margin,
            "sections": [section.as_dict() for section in self.sections],
            "runs": list(self.runs),
            **({"controls": list(self.controls)} if self.controls else {}),
            **({"measures": [dict(each) for each in self.measures]} if self.measures else {}),
            **({"correction": self.correction} if self.correction != HOLM else {}),
            **({"claims": list(self.claims)} if self.claims else {}),
            **({"recipe": dict(self.recipe)} if self.recipe else {}),
            **({"splits": self.splits} if self.splits > 1 else {}),
            **({"searches": self.searches} if self.searches > 1 else {}),
        }
