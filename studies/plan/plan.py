"""The plan of a study: every cell times every seed, each run once."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from analysis.stats.multiplicity import Correction
from resnet_lab.data.catalog import check_faults, info_of, steps_per_epoch, train_images
from resnet_lab.data.load import resolve
from resnet_lab.errors import RefusedError, UserError
from resnet_lab.interchange.weights import resolve_weights
from resnet_lab.networks.sizes import check_size
from resnet_lab.spec import DatasetName, RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.dataset_option import report_name
from resnet_lab.spec.fields import flatten, parse_assignments, parse_value, pick, replace
from resnet_lab.spec.protocol import fault_words
from resnet_lab.spec.recipes import find_recipe, recipe_record
from resnet_lab.trials.trial import Trial
from studies.plan.controls import Control
from studies.plan.crossing import cross
from studies.plan.design import Design, Levels, levels_of, make_design
from studies.plan.differences import differences
from studies.plan.exclusions import Fields, Merged, Refused, require_baseline_and_one_arm
from studies.plan.options import Options, require_design
from studies.plan.quick_recipes import quick_recipe
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
    """Effects that the design confounds."""
    refused: tuple[Refused, ...] = ()
    """Invalid cells of the grid."""
    merged: tuple[Merged, ...] = ()
    """Cells that an audit found to be another's network: see `studies.audit`."""
    more: tuple[RunSpec, ...] = ()
    """Runs of cells at seeds beyond `seeds`, where cells are repeated unequally often, as `--until-decided` does."""
    margin: float = 0.0
    """Points of test error below which a difference does not matter; 0 where nobody said."""
    correction: Correction = Correction.HOLM
    """Of the p values of the table."""
    bootstrap: bool = False
    """Whether bootstrap-t intervals are reported, too."""
    controls: tuple[Control, ...] = ()
    """The controls among the cells, by the arm they stand by: see `studies.audit.matching`."""
    splits: int = 1
    """How many train/validation splits the seeds are dealt over, by the remainder of each."""
    chosen: Mapping[RunSpec, tuple[Mapping[str, Value], ...]] = field(default_factory=dict)
    """Fields that the runs of a cell take besides, where searches chose them: the seeds are dealt over them alike."""
    recipe: str = ""
    """Name of the recipe preset that the options ask for."""
    variant: str = ""
    """What distinguishes this plan's report from that of the same cells under another recipe: `tuned`."""
    data_dir: Path | None = None
    """The folder or file of the images, where the options name it."""
    differences: str = ""
    """What the options change in the study's defaults, in short, or the user's `--name`: `depth56-seeds0-4`."""

    def runs(self) -> tuple[RunSpec, ...]:
        """Return every run in the order of execution: all cells of a seed before the next seed, deepest first.

        Whenever the study is stopped, the arms have then been repeated equally often, give or take one.
        """
        heavy_first = sorted(self.cells, key=lambda spec: -spec.model.depth)
        return tuple(self.run_of(cell, seed) for seed in self.seeds for cell in heavy_first) + self.more

    def run_of(self, cell: RunSpec, seed: int) -> RunSpec:
        """Return the run of a cell at a seed: on the seed's split, with the values that its search chose."""
        run = dataclasses.replace(cell, seed=seed)
        if self.splits > 1:
            run = dataclasses.replace(run, data=dataclasses.replace(run.data, split=seed % self.splits))
        choices = self.chosen.get(cell, ())
        return replace(run, choices[seed % len(choices)]) if choices else run

    @property
    def searches(self) -> int:
        """How many tuning searches of each arm the seeds are dealt over; 1 where there is one, or none."""
        return max((len(choices) for choices in self.chosen.values()), default=1)

    @property
    def dealt(self) -> int:
        """Over how many splits or searches the seeds are dealt."""
        return max(self.splits, self.searches)

    @property
    def seeds_share(self) -> bool:
        """Whether some seeds share a split or a search, so that those, and no longer the seeds, are independent."""
        return self.dealt > 1 and len({seed % self.dealt for seed in self.seeds}) < len(self.seeds)

    def repeat_of(self, seed: int) -> int:
        """Return the number of the independent repeat that a seed belongs to."""
        return seed % self.dealt if self.seeds_share else seed

    def table_order(self) -> tuple[RunSpec, ...]:
        """Return every run cell by cell, as tables list them."""
        return tuple(run for cell in self.cells for run in self.runs_of(cell))

    def runs_of(self, cell: RunSpec) -> list[RunSpec]:
        """Return the runs of one cell, those beyond the plan's seeds last."""
        grid = [self.run_of(cell, seed) for seed in self.seeds]
        return [*grid, *(run for run in self.more if run == self.run_of(cell, run.seed))]

    def rows(self) -> list[dict[str, Value]]:
        """Return the varied fields and the seed of every run, in the order of the table."""
        return [self.fields(spec) for spec in self.table_order()]

    @property
    def title(self) -> str:
        """Return the name of this plan's report: `bn_placement-quick-digits`, and what differs from the defaults."""
        design = "" if self.design == self.study.design else self.design.value
        parts = (self.study.name, self.scale, report_name(self.cells[0].data), design, self.differences, self.variant)
        return "-".join(part for part in parts if part)

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
    scale = study.scale(options.scale)
    study = cross(study, options.arm, tuple(scale.context))
    changes = parse_changes(study, options)
    listed = study.named(options.only)
    arms = levels_of(listed) if options.only else study.arm
    arm = {**arms, **_levels_of_scale(scale, options, arms), **changes.arm}
    context = {**scale.context, **changes.context}
    design = options.design or study.design
    require_design(options, design)
    designed = make_design(
        design,
        arm,
        size=options.cells,
        resolution=options.resolution,
        orders=options.orders,
        listed=listed,
    )
    base, resolved = _base(scale, options), cache(lambda data: resolve(data, options.data_dir))
    cells: list[tuple[Fields, RunSpec]] = []
    refused: list[Refused] = []
    for values, choice in itertools.product(itertools.product(*context.values()), designed.cells):
        fields = dict(zip(context, values, strict=True)) | dict(choice)
        try:
            spec = replace(base, flatten(base) | _implied(study, fields) | changes.fixed | fields)
            recipe = dataclasses.replace(spec.recipe, weights=resolve_weights(spec.recipe.weights))
            spec = dataclasses.replace(spec, data=resolved(spec.data), recipe=recipe)
            _check_image(spec)
            spec = _with_length(spec, scale, options, changes)
            cells.append((fields, _with_rise(spec, scale, options, changes)))
        except RefusedError as error:
            refused.append(Refused(fields=fields, reason=str(error)))
    require_baseline_and_one_arm(arm, [fields for fields, _ in cells], refused, changes.names)
    specs = tuple(dict.fromkeys(spec for _, spec in cells))
    _require_correct(study, specs, options)
    seeds = tuple(dict.fromkeys(options.seeds or scale.seeds))
    require_dealt("splits", options.splits, seeds)
    return Plan(
        study=study,
        scale=options.scale,
        arm=_levels(specs, arm),
        context=_levels(specs, context),
        cells=specs,
        seeds=seeds,
        splits=options.splits,
        design=design,
        margin=options.margin,
        correction=options.correction,
        bootstrap=options.bootstrap,
        reference=designed.baseline,
        aliases=designed.aliases,
        refused=tuple(refused),
        recipe=options.recipe or "",
        data_dir=options.data_dir,
        differences=options.name or differences(options, scale.seeds),
    )


def _levels_of_scale(scale: Scale, options: Options, arms: Levels) -> Levels:
    """Return the levels that are the scale's own, of the arms that were asked for by name only theirs.

    Raises UserError where the scale has none of those arms.
    """
    if not options.only:
        return scale.arm
    own = {name: tuple(value for value in values if value in arms[name]) for name, values in scale.arm.items()}
    if not all(own.values()):
        raise UserError(f"--scale {options.scale} leaves out {', '.join(options.only)}: take another --scale")
    return own


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What `--set` asks for, typed: levels of the fields that the study varies, and fields that every run takes."""

    arm: Levels
    context: Levels
    fixed: dict[str, Value]

    @property
    def names(self) -> frozenset[str]:
        return frozenset({*self.arm, *self.context, *self.fixed})


def require_dealt(what: str, count: int, seeds: Sequence[int]) -> None:
    """Raise UserError unless every seed has a split (or search) of its own, or each of those has as many seeds."""
    shares = Counter(seed % count for seed in seeds)
    each_its_own = len(shares) == len(seeds)
    if not each_its_own and (len(shares) < count or len(set(shares.values())) > 1):
        raise UserError(
            f"--{what} {count} deals {len(seeds)} seeds over {count}, seed s to number s modulo {count}, and some get "
            f"more than others: give --{what} {len(seeds)} with seeds in a row, or a multiple of {count} seeds"
        )


RESERVED = {"seed": "--seeds", "data.name": "--dataset"}


def parse_changes(study: Study, options: Options) -> Changes:
    """Type what `--set` asks for. Raises UserError for an unknown field, a bad value, or one with its own option."""
    context = study.scale(options.scale).context
    levels: dict[str, tuple[Value, ...]] = {}
    fixed: dict[str, Value] = {}
    for name, text in parse_assignments(options.assignments).items():
        if name == "data.split" and options.splits > 1:
            raise UserError("--splits deals data.split out to the seeds: leave out one of the two")
        if name in RESERVED:
            raise UserError(f"--set {name} would hide an option of its own: use {RESERVED[name]}")
        if name in study.arm or name in context:
            levels[name] = tuple(parse_value(name, part.strip()) for part in text.split(","))
        else:
            fixed[name] = _fixed(name, text)
    return Changes(
        arm={name: values for name, values in levels.items() if name in study.arm},
        context={name: values for name, values in levels.items() if name not in study.arm},
        fixed=fixed,
    )


def _fixed(name: str, text: str) -> Value:
    """Return the value of a field that every run takes. Raises UserError, for a list with the option that takes it."""
    try:
        return parse_value(name, text)
    except UserError as error:
        if "," in text:
            raise UserError(f"{name}={text}: this study does not vary it: cross it by --arm {name}={text}") from error
        raise


def _implied(study: Study, cell: Mapping[str, Value]) -> dict[str, Value]:
    """Return the fields that go with the levels of a cell."""
    implied: dict[str, Value] = {}
    for name, value in cell.items():
        implied |= study.implies.get((name, value), {})
    return implied


def _levels(specs: Sequence[RunSpec], names: Iterable[str]) -> dict[str, tuple[Value, ...]]:
    """Return the levels of each field that are left in the cells."""
    rows = [pick(spec, tuple(names)) for spec in specs]
    return {name: tuple(dict.fromkeys(row[name] for row in rows)) for name in names}


def _require_correct(study: Study, specs: Sequence[RunSpec], options: Options) -> None:
    """Raise UserError for a faulty protocol that nobody asked for, and for a search that would choose among faults."""
    faulty = next((words for spec in specs if (words := fault_words(spec))), "")
    if faulty and not (study.accepts_faults or options.accept_faults):
        raise UserError(
            f"{study.name} compares correct protocols, and protocol.{faulty.partition(',')[0]} is a fault: leave it "
            "out, give --accept-faults, or ask python -m studies.protocol_faults what it costs"
        )
    if faulty and (options.search or options.tune):
        asked = "--search" if options.search else "--tune"
        raise UserError(f"{asked} looks for a good network, and {faulty} is a fault, not a choice: leave out one")


def _check_image(spec: RunSpec) -> None:
    try:
        check_size(spec.model.name, info_of(spec.data).size)
        check_faults(spec)
    except UserError as error:
        raise RefusedError(str(error)) from None


def _base(scale: Scale, options: Options) -> RunSpec:
    dataset = DatasetName(options.dataset or scale.dataset)
    quick = quick_recipe(dataset) if scale.epochs is not None else {}
    asked = {"data.name": dataset.value, "recipe.precision": options.precision.value}
    preset = find_recipe(options.recipe).recipe if options.recipe else {}
    return replace(RunSpec(), asked | dict(quick) | dict(scale.changes) | preset)


def _with_length(spec: RunSpec, scale: Scale, options: Options, changes: Changes) -> RunSpec:
    """Turn a length in epochs into iterations; `recipe.iterations` given by the user wins over preset and scale."""
    steps = steps_per_epoch(train_images(spec.data), spec.recipe.batch_size)
    default = find_recipe(options.recipe).epochs if options.recipe else scale.epochs
    if options.epochs and "recipe.iterations" in changes.names:
        raise UserError("--epochs and --set recipe.iterations both say how long a run is: give one of them")
    epochs = options.epochs or (None if "recipe.iterations" in changes.names else default)
    if epochs is None:
        return spec
    return replace(spec, {"recipe.iterations": epochs * steps})


def _with_rise(spec: RunSpec, scale: Scale, options: Options, changes: Changes) -> RunSpec:
    """Let the rate of a quick run that the user made short rise for a quarter of it at most, as it does by default.

    A run that ends while its rate still rises has learned next to nothing: 54 to 78 % wrong after two epochs of the
    digits, 6 to 9 % so. Who sets recipe.warmup_iterations gets what is set.
    """
    shortened = options.epochs or "recipe.iterations" in changes.names
    rises = quick_recipe(spec.data.name).get("recipe.warmup_iterations")
    if scale.epochs is None or not shortened or not isinstance(rises, int) or spec.recipe.warmup_iterations != rises:
        return spec
    if options.recipe or "recipe.warmup_iterations" in changes.names:
        return spec
    return replace(spec, {"recipe.warmup_iterations": min(rises, spec.recipe.iterations // 4)})


def comparisons(plan: Plan) -> dict[RunSpec, RunSpec]:
    """Return {cell: the baseline of its context}: what the study tests."""
    bases = {tuple(plan.context_of(c).values()): c for c in plan.cells if plan.arm_of(c) == plan.baseline()}
    pairs = {cell: bases.get(tuple(plan.context_of(cell).values())) for cell in plan.cells}
    return {cell: base for cell, base in pairs.items() if base is not None and base != cell}


def recipe_of(plan: Plan) -> dict[str, Any] | None:
    """Return the record of the plan's recipe preset, with what its cells have otherwise; None without a preset."""
    if not plan.recipe:
        return None
    steps = [steps_per_epoch(train_images(cell.data), cell.recipe.batch_size) for cell in plan.cells]
    return recipe_record(find_recipe(plan.recipe), plan.cells, steps)


def trials_of(plan: Plan, out: Path) -> list[Trial]:
    """Return the trials of a plan in the order of execution."""
    root = out.absolute() / "trials"
    return [Trial(root=root, spec=spec) for spec in plan.runs()]
