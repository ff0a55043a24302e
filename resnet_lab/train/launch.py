"""One launch of the command: checks before anything is written, the trial by its driver, and where things are."""

import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console

from resnet_lab.data.catalog import check_faults, info_of, shape_of, steps_per_epoch, train_images
from resnet_lab.data.load import ensure
from resnet_lab.errors import UserError
from resnet_lab.inspect.facts import NetworkFacts, inspect
from resnet_lab.interchange.weights import NONE
from resnet_lab.networks.sizes import check_size
from resnet_lab.runner.driver import run_phase
from resnet_lab.runner.executor import Executor
from resnet_lab.runner.fleet.placement import place_alone
from resnet_lab.runner.identity import TrialIdentity
from resnet_lab.runner.lock import driver_lock, require_writable
from resnet_lab.runner.packed_executor import make_executor
from resnet_lab.runner.resources import require_kernels
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fingerprint import fingerprint
from resnet_lab.spec.protocol import fault_words
from resnet_lab.spec.recipes import find_recipe, recipe_lines, recipe_record
from resnet_lab.system.environment import describe_code, describe_machine, training_code
from resnet_lab.tracking import Tracker, TrackingError
from resnet_lab.train import text
from resnet_lab.train.folder_store import FolderStore
from resnet_lab.train.options import Options
from resnet_lab.train.train_driver import TrainDriver
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.versions import is_of_other_code, set_aside
from resnet_lab.trials.worker_settings import WorkerSettings

if TYPE_CHECKING:
    from resnet_lab.tracking import LaunchRun

EXPERIMENT = "train"
"""Name of the experiment in MLflow, where a study's has the study's name."""


def launch(spec: RunSpec, options: Options) -> int:
    """Train what is missing of a run and print where it is. Returns the exit code.

    Raises UserError before writing anything.
    """
    _require_correct(spec, options)
    facts = check(spec, options)
    device = place_alone(options, spec)
    require_kernels(device, options.kernels)
    trial = Trial(root=options.out.absolute() / "trials", spec=spec)
    if options.dry_run:
        text.show_plan(trial, facts, device, recipe_of(spec, options.recipe), as_json=options.json)
        return 0
    require_writable(options.out)
    with driver_lock(options.out, f"{EXPERIMENT}-{trial.name}"):
        return TrainLaunch(trial=trial, facts=facts, options=options, device=device).run()


def _require_correct(spec: RunSpec, options: Options) -> None:
    faulty = fault_words(spec)
    if faulty and not options.accept_faults:
        raise UserError(
            f"protocol.{faulty.partition(',')[0]} is a fault of the protocol: leave it out, or give --accept-faults"
        )


def check(spec: RunSpec, options: Options) -> NetworkFacts:
    """Return the facts of a run's network. Raises UserError where it cannot be built or its images are not there."""
    check_size(spec.model.name, info_of(spec.data).size)
    steps_per_epoch(train_images(spec.data), spec.recipe.batch_size)
    check_faults(spec)
    ensure(spec.data, options.data_dir)
    if spec.recipe.weights != NONE:
        _show_coverage(spec)
    return inspect(spec.model, shape_of(spec))


def recipe_of(spec: RunSpec, name: str | None) -> dict[str, Any] | None:
    """Return the record of the recipe preset asked for, with what the run has otherwise; None without a preset."""
    if name is None:
        return None
    return recipe_record(find_recipe(name), [spec], [steps_per_epoch(train_images(spec.data), spec.recipe.batch_size)])


def _show_coverage(spec: RunSpec) -> None:
    """Print how much of the network its weights fill. Raises UserError where that is not all but the head."""
    from resnet_lab.interchange.pretrained import check_weights, coverage_lines

    print(*coverage_lines(check_weights([spec])), sep="\n", file=sys.stderr)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainLaunch:
    """One launch of a trial, with its lock held."""

    trial: Trial
    facts: NetworkFacts
    options: Options
    device: str

    def run(self) -> int:
        """Run the trial and print how it ended. Returns the exit code."""
        console = Console(stderr=self.options.json)
        environment = describe_code() | describe_machine()
        executor = self._executor(environment)
        tracker = Tracker.open(self.options.out, EXPERIMENT)
        mark = {"fingerprint": fingerprint(self.trial.spec)}
        tracker.close_stale(mark)  # other trials of the experiment may be running
        self._settle_version(console)
        driver = self._driver(tracker, executor, environment, console, mark)
        self._train(driver)
        self._print(driver, tracker, console)
        return 0 if self.trial.result() is not None else 1

    def _settle_version(self, console: Console) -> None:
        """Set the trial aside where other code trained it and that was asked for; else say that it did."""
        if self.options.fresh:
            set_aside([self.trial], self.options.out, training_code())
        elif is_of_other_code(self.trial, training_code()):
            console.print("other code than today's trained this trial: --fresh trains it by today's", highlight=False)

    def _executor(self, environment: Mapping[str, Any]) -> Executor:
        settings = WorkerSettings(
            data_dir=self.options.data_dir and self.options.data_dir.absolute(),
            device=self.device,
            environment=environment,
            deterministic=self.options.deterministic,
            compiled=self.options.compile,
            kernels=self.options.kernels,
        )
        threads = self.options.threads_on(self.device)
        return make_executor(slots=1, settings=settings, threads=threads, runs=[self.trial.spec])

    def _driver(
        self,
        tracker: Tracker,
        executor: Executor,
        environment: Mapping[str, Any],
        console: Console,
        mark: Mapping[str, str],
    ) -> TrainDriver:
        from resnet_lab.runner.display import make_display

        return TrainDriver(
            facts=self.facts,
            trials=[self.trial],
            store=FolderStore(),
            launch=self._start_run(tracker, environment, mark),
            finished_runs=tracker.finished(),
            executor=executor,
            display=make_display(console),
            environment=environment,
            data_source=str(self.options.data_dir or "default"),
            tags=self._tags(),
            grace=self.options.grace,
        )

    def _tags(self) -> dict[str, str]:
        """Return what both runs say of the recipe preset."""
        recipe = recipe_of(self.trial.spec, self.options.recipe)
        return {"recipe": "\n".join(recipe_lines(recipe))} if recipe else {}

    def _start_run(self, tracker: Tracker, environment: Mapping[str, Any], mark: Mapping[str, str]) -> "LaunchRun":
        tags = {**mark, **self._tags(), "git_sha": str(environment["git_sha"])}
        return tracker.start_launch(f"{EXPERIMENT} {self.trial.name}", tags, {"command": " ".join(sys.argv)})

    def _train(self, driver: TrainDriver) -> None:
        """Run the trial; an error ends the launch's run as killed."""
        try:
            run_phase(driver)
        except BaseException:
            with contextlib.suppress(TrackingError):  # the first error is the one to report
                driver.launch.end("KILLED")
            raise
        driver.log.store.attempt(partial(driver.launch.end, "FINISHED"))

    def _print(self, driver: TrainDriver, tracker: Tracker, console: Console) -> None:
        """Print how the trial ended and where it is."""
        from resnet_lab.runner.display import style_of

        identity: TrialIdentity = driver.identify(self.trial)
        recipe = recipe_of(self.trial.spec, self.options.recipe)
        run_id = driver.finished_runs.get(self.trial.name)
        if self.options.json:
            print(json.dumps(text.as_dict(identity, run_id, recipe), indent=2))
        for line in text.closing_lines(identity, self.options.out, tracker, run_id, recipe):
            console.print(line, highlight=False, markup=False, soft_wrap=True, style=style_of(identity))
