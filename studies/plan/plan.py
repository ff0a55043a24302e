"""From a study and its options to the runs it needs: every cell times every seed, each once."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resnet_lab.data.catalog import CATALOG, steps_per_epoch, train_images
from resnet_lab.errors import RefusedError, UserError
from resnet_lab.networks.sizes import check_size
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import field_types, flatten, parse_assignments, pick, replace
from resnet_lab.trials.trial import Trial
from studies.plan.design import Design, Levels, make_design
from studies.plan.exclusions import Fields, Merged, Refused, require_baseline_and_one_arm
from studies.plan.options import Options
from studies.plan.quick_recipes import QUICK
from studies.plan.study import Scale, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The runs of a study at one scale. `cells` are at the first seed, in the order of the table."""

    study: Study
    scale: str
    arm: Levels
    context: Levels
    cells: tuple[RunSpec, ...]
    seeds: tuple[int, ...]
    design: Design
    reference: Mapping[str, Value]
    """The arm the others are compared with."""
    aliases: tuple[str, ...] = ()
    """Effects that the design cannot tell apart."""
    refused: tuple[Refused, ...] = ()
    """Cells of the grid that mean nothing."""
    merged: tuple[Merged, ...] = ()
    """Cells that an audit found to be another's network: see `studies.audit`."""
    more: tuple[RunSpec, ...] = ()
    """Runs of cells at seeds beyond `seeds`, where cells are repeated unequally often, as `--until-decided` does."""
    margin: float = 0.0
    """Points of test error below which a difference does not matter; 0 where nobody said."""
    variant: str = ""
    """What tells this plan's report from that of the same cells under another recipe: `tuned`."""

    def runs(self) -> tuple[RunSpec, ...]:
        """Return every run in the order of execution: all cells of a seed before the next seed, deepest first.

        Whenever the study is stopped, the arms have then been repeated equally often, give or take one.
        """
        heavy_first = sorted(self.cells, key=lambda spec: -spec.model.depth)
        return tuple(dataclasses.replace(cell, seed=seed) for seed in self.seeds for cell in heavy_first) + self.more

    def table_order(self) -> tuple[RunSpec, ...]:
        """Return every run cell by cell, as tables list them."""
        return tuple(run for cell in self.cells for run in (*self._grid(cell), *self._beyond(cell)))

    def _grid(self, cell: RunSpec) -> list[RunSpec]:
        return [dataclasses.replace(cell, seed=seed) for seed in self.seeds]

    def _beyond(self, cell: RunSpec) -> list[RunSpec]:
        return [run for run in self.more if dataclasses.replace(run, seed=cell.seed) == cell]

    def rows(self) -> list[dict[str, Value]]:
        """Return the varied fields and the seed of every run, in the order of the table."""
        return [self.fields(spec) for spec in self.table_order()]

    @property
    def title(self) -> str:
        """Return the name of this plan's report: `bn_placement-quick-digits`."""
        design = "" if self.design == self.study.design else f"-{self.design}"
        variant = f"-{self.variant}" if self.variant else ""
        return f"{self.study.name}-{self.scale}-{self.cells[0].data.name}{design}{variant}"

    def fields(self, spec: RunSpec) -> dict[str, Value]:
        """Return the fields of a run that this study varies, and its seed."""
        return self.cell_fields(spec) | {"seed": spec.seed}

    def cell_fields(self, spec: RunSpec) -> dict[str, Value]:
        """Return the fields of a run that this study varies."""
        return self.context_of(spec) | self.arm_of(spec)

    def arm_of(self, spec: RunSpec) -> dict[str, Value]:
        """Return the switches under study."""
        return pick(spec, self.arm)

    def context_of(self, spec: RunSpec) -> dict[str, Value]:
        """Return the fields that arms are compared within."""
        return pick(spec, self.context)

    def baseline(self) -> dict[str, Value]:
        """Return the arm the others are compared with: the first value of each switch, in most designs."""
        return dict(self.reference)


def make_plan(study: Study, options: Options) -> Plan:
    """Apply the options to the study. Cells whose combination is refused are left out and listed.

    Raises UserError for an unknown field or a bad value, and where what is refused leaves nothing to compare.
    """
    scale = study.scales[options.scale]
    changes = parse_assignments(options.assignments)
    _refuse_reserved(changes)
    arm, context = _override(study.arm, changes), _override(scale.context, changes)
    fixed = {name: value for name, value in changes.items() if name not in arm and name not in context}
    base = _base(scale, options)
    cells: list[tuple[Fields, RunSpec]] = []
    refused: list[Refused] = []
    kind = options.design or study.design
    designed = make_design(kind, arm, size=options.cells, resolution=options.resolution, orders=options.orders)
    for values, choice in itertools.product(itertools.product(*context.values()), designed.cells):
        cell = dict(zip(context, values, strict=True)) | dict(choice)
        try:
            spec = replace(base, flatten(base) | _implied(study, cell) | fixed | cell)
            _check_image(spec)
        except RefusedError as error:
            refused.append(Refused(fields=cell, reason=str(error)))
        else:
            cells.append((cell, _with_length(spec, scale, options, changes)))
    require_baseline_and_one_arm(arm, [fields for fields, _ in cells], refused, changes)
    specs = [spec for _, spec in cells]
    return Plan(
        study=study,
        scale=options.scale,
        arm={name: tuple(dict.fromkeys(flatten(spec)[name] for spec in specs)) for name in arm},
        context={name: tuple(dict.fromkeys(flatten(spec)[name] for spec in specs)) for name in context},
        cells=tuple(dict.fromkeys(specs)),
        seeds=tuple(dict.fromkeys(options.seeds or scale.seeds)),
        design=kind,
        margin=options.margin,
        reference=_typed(base, designed.baseline),
        aliases=designed.aliases,
        refused=tuple(refused),
    )


def _implied(study: Study, cell: Mapping[str, Value]) -> dict[str, Value]:
    """Return the fields that go with the levels of a cell."""
    found: dict[str, Value] = {}
    for name, value in cell.items():
        found |= study.implies.get((name, value), {})
    return found


def _typed(base: RunSpec, arm: Mapping[str, Value]) -> dict[str, Value]:
    """Return levels as the spec holds them: the user's come as text."""
    kinds = {name: type(value) for name, value in flatten(base).items()}
    return {name: value if kinds[name] is bool else kinds[name](value) for name, value in arm.items()}


def _check_image(spec: RunSpec) -> None:
    try:
        check_size(spec.model.name, CATALOG[spec.data.name].size)
    except UserError as error:
        raise RefusedError(str(error)) from None


def _base(scale: Scale, options: Options) -> RunSpec:
    dataset = options.dataset or scale.dataset
    quick = QUICK[dataset] if scale.epochs is not None else {}
    asked = {"data.name": dataset.value, "recipe.precision": options.precision.value}
    return replace(RunSpec(), asked | dict(quick) | dict(scale.changes))


def _with_length(spec: RunSpec, scale: Scale, options: Options, changes: Mapping[str, str]) -> RunSpec:
    """Turn a length in epochs into iterations; `recipe.iterations` given by the user wins over the scale."""
    steps = steps_per_epoch(train_images(spec.data), spec.recipe.batch_size)
    epochs = options.epochs or (None if "recipe.iterations" in changes else scale.epochs)
    if epochs is None:
        return spec
    return replace(spec, {"recipe.iterations": epochs * steps})


def _override(levels: Levels, changes: Mapping[str, str]) -> dict[str, tuple[Value, ...]]:
    """Replace the levels of the fields that the user set; several values are separated by commas."""
    return {
        name: tuple(part.strip() for part in changes[name].split(",")) if name in changes else values
        for name, values in levels.items()
    }


def _refuse_reserved(changes: Mapping[str, str]) -> None:
    options = {"seed": "--seeds", "data.name": "--dataset"}
    for name in changes:
        if name in options:
            raise UserError(f"--set {name} would hide an option of its own: use {options[name]}")
        if name not in field_types():
            replace(RunSpec(), {name: ""})  # raises the sentence that lists the valid names


def trials_of(plan: Plan, out: Path) -> list[Trial]:
    """Return the trials of a plan in the order of execution."""
    root = out.absolute() / "trials"
    return [Trial(root=root, spec=spec) for spec in plan.runs()]


def label(plan: Plan, trial: Trial) -> str:
    """Return the varied values of a trial, short: `56 before_add none seed 1`."""
    values = pick(trial.spec, (*plan.context, *plan.arm)).values()
    return " ".join(map(shown, values)) + f" seed {trial.spec.seed}"


def shown(value: Value) -> str:
    """Return a value as a label has it, numbers to three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
