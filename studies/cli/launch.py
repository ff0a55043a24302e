"""One launch of a study, from the checks before anything is written to the report at the end."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from analysis.warm import load_in_background
from resnet_lab.data.load import ensure
from resnet_lab.interchange.weights import NONE
from resnet_lab.outcomes import Status
from resnet_lab.runner.executor import Executor, Remote
from resnet_lab.runner.fleet.placement import place
from resnet_lab.runner.lock import driver_lock, require_writable
from resnet_lab.runner.packed_executor import make_executor
from resnet_lab.runner.resources import require_kernels
from resnet_lab.spec.recipes import recipe_lines
from resnet_lab.system.activity import activity
from resnet_lab.system.environment import describe_code, describe_machine, training_code
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.versions import FOLDER as SUPERSEDED
from resnet_lab.trials.versions import Versions, set_aside
from resnet_lab.trials.worker_settings import WorkerSettings
from studies.cli.greeting import audit_words, greet, say_audit
from studies.modes.mode import Mode, make_mode
from studies.plan.claims import claims_of, require_claims
from studies.plan.options import LaunchMode, Options
from studies.plan.plan import Plan, make_plan, recipe_of, trials_of
from studies.plan.study import Study

if TYPE_CHECKING:
    from resnet_lab.runner.trial_store import TrialStore
    from resnet_lab.system.energy import Meter
    from resnet_lab.tracking import LaunchRun, Tracker
    from studies.audit.audit import Audit
    from studies.modes.mode import ModeOutcome
    from studies.results.publish import Report
    from studies.runner.study_driver import StudyDriver


def launch(study: Study, options: Options) -> int:
    """Run what is missing of a study and report. Returns the exit code. Raises UserError before writing anything."""
    plan = planned(study, options)
    mode = make_mode(plan, options)
    ensure(plan.cells[0].data, options.data_dir)
    _show_coverage(plan, options)
    where = place(options, plan.cells)
    require_kernels(where.device, options.kernels)
    greet(study, options)
    launch = StudyLaunch(
        plan=plan,
        options=options,
        mode=mode,
        device=where.device,
        jobs=where.jobs,
        make_executor=where.make_executor,
    )
    with activity(audit_words(len(plan.cells)), console_of(options)):
        prepared = launch.prepare()
    with _left_at_the_end(prepared.executor):
        require_writable(options.out)
        with driver_lock(options.out, study.name):
            return launch.run(prepared)


def _show_coverage(plan: Plan, options: Options) -> None:
    """Print how much of each network the weights it starts from fill. Raises UserError where it is not all it needs."""
    if all(cell.recipe.weights == NONE for cell in plan.cells):
        return
    from resnet_lab.interchange.pretrained import check_weights, coverage_lines

    print(*coverage_lines(check_weights(plan.cells)), sep="\n", file=sys.stderr if options.prints_json else sys.stdout)


def planned(study: Study, options: Options) -> Plan:
    """Return the plan, with controls where the options ask for them. Raises UserError before writing anything."""
    plan = make_plan(study, options)
    claims_of(plan)  # a claim that cannot be read stops the launch, asked or not: it belongs to the frozen plan
    if options.check_claims:
        require_claims(plan)
    if options.match is None:
        return plan
    from studies.audit.matching import with_controls
    from studies.audit.network_facts import measure

    return with_controls(plan, options.match, measure)


def console_of(options: Options) -> Console:
    """Return where a launch prints: stdout, or stderr where that is for JSON."""
    return Console(stderr=options.prints_json)


@dataclass(slots=True)
class Laps:
    """Seconds of the parts of a launch, by name."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, name: str) -> None:
        """Record the seconds since the last call."""
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a launch has before anything is written."""

    executor: Executor
    environment: Mapping[str, Any]
    audit: "Audit"
    laps: Laps


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLaunch:
    """One launch of a plan: `prepare`, which writes nothing, then `run` with the driver's lock held."""

    plan: Plan
    options: Options
    mode: Mode
    device: str
    jobs: int
    make_executor: Callable[..., Executor] = make_executor
    """Where trials run: `resnet_lab.runner.packed_executor.make_executor` or what takes its arguments."""

    def prepare(self) -> Prepared:
        """Start the workers' server and audit the plan. Raises RefusedError for a plan that cannot be run."""
        from resnet_lab.tracking import load_client
        from studies.audit.audit import audit
        from studies.audit.network_facts import start_measuring

        say_audit(len(self.plan.cells), self.options)
        laps, environment = Laps(), describe_code() | describe_machine()
        # The fork server loads torch while this process loads what its databases need.
        executor = self._executor(environment)
        with contextlib.ExitStack() as refused:
            refused.enter_context(_left_at_the_end(executor))
            measured = start_measuring(self.plan)
            load_client()
            import optuna  # noqa: F401

            checked = audit(self.plan, measured())
            refused.pop_all()
        return Prepared(executor=executor, environment=environment, audit=checked, laps=laps)

    def run(self, prepared: Prepared | None = None) -> int:
        """Run the mode's trials, report and publish. Returns the exit code."""
        from resnet_lab.system.energy import Meter

        prepared, console = prepared or self.prepare(), console_of(self.options)
        laps = prepared.laps
        with activity("opening the stores of trials and runs", console):
            driver, tracker = self._open(prepared, console)
            self._freeze(driver, console)
        known = dict(driver.finished_runs)
        laps.lap("setup")
        meter = Meter(device=self.device)
        outcome = self._train(driver, console)
        laps.lap("training")
        joules = _joules(prepared.executor, meter)
        with activity("writing tables and pages", console):
            self._measure(outcome, driver, known, console)
            if driver.finished_runs != known:
                self._invalidate_reports()
            reports, pages = self._report(outcome, driver, tracker, console, laps.seconds, joules)
            laps.lap("report")
            self._end_run(driver, reports, laps.seconds, joules)
        for line in closing_lines([*reports[0].files, *pages], self.options.out, laps.seconds):
            console.print(line, highlight=False, soft_wrap=True)
        _print_links(console, tracker, has_arms=self.options.mode is not LaunchMode.SEARCH)
        return self._exit_code(reports)

    def _exit_code(self, reports: "Sequence[Report]") -> int:
        """Return 0 where every trial is complete, else 1; with --check-claims and --verdict what the answers say."""
        if self.options.check_claims:
            from analysis.comparison.claims import exit_code
            from studies.results.write import StudyReport

            compared = [report.data for report in reports if isinstance(report, StudyReport)]
            return exit_code([answered for data in compared for answered in data.claims])
        if self.options.verdict:
            from analysis.comparison import decisions
            from studies.results.write import StudyReport

            compared = [report.data for report in reports if isinstance(report, StudyReport)]
            return decisions.exit_code(
                [d for data in compared for d in decisions.decisions(data.rows, data.comparisons)]
            )
        return 0 if all(run["status"] == Status.COMPLETE for report in reports for run in report.runs) else 1

    def _open(self, prepared: Prepared, console: Console) -> "tuple[StudyDriver, Tracker]":
        """Open the stores and start the launch's run."""
        from resnet_lab.tracking import Tracker
        from studies.runner.optuna_store import OptunaStore

        tracker = Tracker.open(self.options.out, self.plan.study.name)
        store = OptunaStore.open(self.options.out, self.plan.study.name)
        tracker.close_stale()
        tracker.describe(self._note())
        self._print_audit(console, prepared.audit)
        self._settle_versions(console, trials_of(prepared.audit.plan, self.options.out))
        launch_run = self._start_run(tracker, prepared.audit, prepared.environment)
        driver = self._driver(
            checked=prepared.audit,
            store=store,
            launch_run=launch_run,
            finished_runs=tracker.finished(),
            executor=prepared.executor,
            environment=prepared.environment,
            console=console,
        )
        return driver, tracker

    def _note(self) -> str:
        """Return what MLflow says above the study's runs."""
        reports = (self.options.out / "reports").absolute()
        return (
            f"**{self.plan.study.question}**\n\nReport: `{reports / self.plan.title / 'report.html'}`, all reports:"
            f" `{reports / 'index.html'}`. Where MLflow asks for a workflow type, choose *Model training*. Saved views:"
            " *arms*, *curves: mean over seeds*."
        )

    def _executor(self, environment: Mapping[str, Any]) -> Executor:
        options = self.options
        settings = WorkerSettings(
            data_dir=options.data_dir and options.data_dir.absolute(),
            device=self.device,
            environment=environment,
            deterministic=options.deterministic,
            compiled=options.compile,
            kernels=options.kernels,
            log_batches=options.log_batches,
            log_test=options.log_test,
        )
        return self.make_executor(slots=self.jobs, settings=settings, threads=1, runs=self.plan.cells)

    def _print_audit(self, console: Console, checked: "Audit") -> None:
        from studies.audit.text import left_out_lines

        for line in left_out_lines(checked.plan, console.width):
            console.print(line, highlight=False, markup=False)

    def _settle_versions(self, console: Console, trials: Sequence[Trial]) -> None:
        """Set aside what other code trained, where that was asked for; else say that versions would be mixed."""
        if self.options.fresh:
            moved = set_aside(trials, self.options.out, training_code())
            place = f", set aside in {self.options.out / SUPERSEDED}" if moved else ""
            console.print(
                f"--fresh: {len(moved)} trials of other code to be trained by today's{place}", highlight=False
            )
        if line := Versions.of(trials, training_code()).line():
            console.print(line, highlight=False, soft_wrap=True)

    def _start_run(self, tracker: "Tracker", checked: "Audit", environment: Mapping[str, Any]) -> "LaunchRun":
        """Start the launch's run in MLflow."""
        from resnet_lab.tracking import MAX_TAG_LENGTH
        from studies.audit.text import lines

        study, scale = checked.plan.study.name, checked.plan.scale
        tags = {"study": study, "scale": scale, "git_sha": str(environment["git_sha"])}
        tags["audit"] = "\n".join(lines(checked))[:MAX_TAG_LENGTH]
        if (recipe := recipe_of(checked.plan)) is not None:
            tags["recipe"] = "\n".join(recipe_lines(recipe, (*self.plan.arm, *self.plan.context)))
        return tracker.start_launch(checked.plan.title, tags, {"command": " ".join(sys.argv)})

    def _driver(
        self,
        *,
        checked: "Audit",
        store: "TrialStore",
        launch_run: "LaunchRun",
        finished_runs: dict[str, str],
        executor: Executor,
        environment: Mapping[str, Any],
        console: Console,
    ) -> "StudyDriver":
        """Return the driver of the audited plan."""
        from resnet_lab.runner.display import make_display
        from studies.runner.study_driver import StudyDriver

        return StudyDriver(
            plan=checked.plan,
            trials=trials_of(checked.plan, self.options.out),
            store=store,
            launch=launch_run,
            finished_runs=finished_runs,
            executor=executor,
            display=make_display(console),
            environment=environment,
            data_source=str(self.options.data_dir or "default"),
            audit=checked,
            when_idle=load_in_background,
            grace=self.options.grace,
        )

    def _freeze(self, driver: "StudyDriver", console: Console) -> None:
        """Freeze the plan before the first trial, and log it; a page that shows another is written again."""
        from studies.results.frozen_plan import change_lines, freeze_plans, plan_files, set_aside_unreadable

        plans = self.mode.frozen(driver.plan)
        for line in (*set_aside_unreadable(plans, self.options.out), *change_lines(plans, self.options.out)):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        if freeze_plans(plans, self.options.out):
            self._invalidate_reports()
        self._mark_begun(driver)
        for title, files in plan_files(plans, self.options.out).items():
            folder = title if len(plans) > 1 else ""
            driver.log.store.attempt(partial(driver.launch.log_files, files, folder))

    def _mark_begun(self, driver: "StudyDriver") -> None:
        """Write what a partial report needs, where arms are to be compared."""
        from studies.results.partial import begin
        from studies.runner.study_driver import require_audit

        if self.options.mode is not LaunchMode.SEARCH:
            begin(require_audit(driver), driver.trials, self.options.out)

    def _train(self, driver: "StudyDriver", console: Console) -> "ModeOutcome":
        """Run the mode's trials; an error ends the launch's run as killed, and shows what is complete."""
        from resnet_lab.tracking import TrackingError

        try:
            return self.mode.run(driver, console)
        except BaseException:
            with contextlib.suppress(TrackingError):  # the first error is the one to report
                if driver.log.has_logged:
                    driver.launch.end("KILLED")
                else:
                    driver.launch.discard()
            with contextlib.suppress(Exception):
                self._show_partial(driver, console)
            raise

    def _show_partial(self, driver: "StudyDriver", console: Console) -> None:
        """Print the arms by the trials that are complete, and the command that reports them."""
        from studies.results.partial import partial_lines

        if self.options.mode is not LaunchMode.SEARCH:
            for line in partial_lines(driver.plan, driver.trials, self.options.out, console.width):
                console.print(line, highlight=False, soft_wrap=isinstance(line, Text))  # a command stays in one line

    def _measure(
        self, outcome: "ModeOutcome", driver: "StudyDriver", known: Mapping[str, str], console: Console
    ) -> None:
        """Take the study's measures of the networks that were compared, and log them to their trials' runs.

        `known` are the runs that there were before: those of this launch lack what was measured earlier, too.
        """
        from studies.results.measures import metrics_of, take_measures

        measures, trials = self.plan.study.measures, [trial for each in outcome.compared for trial in each.trials]
        fresh = set(take_measures(measures, trials, self.options.data_dir, jobs=self.jobs, console=console))
        for trial in trials if measures else ():
            run_id = driver.finished_runs.get(trial.name)
            if run_id is not None and (trial in fresh or known.get(trial.name) != run_id):
                driver.launch.log_trial_metrics(run_id, metrics_of(measures, trial))

    def _invalidate_reports(self) -> None:
        """Have the pages on disk written again: they lack runs of the experiment, or a change of the plan."""
        from analysis.report.stamp import remove_stamps

        remove_stamps(self.options.out, self.plan.study.name)

    def _report(
        self,
        outcome: "ModeOutcome",
        driver: "StudyDriver",
        tracker: "Tracker",
        console: Console,
        seconds: Mapping[str, float],
        joules: float | None,
    ) -> "tuple[Sequence[Report], list[Path]]":
        """Print, write and log the reports; return them and the files of their pages."""
        from analysis.report.index import write_index
        from studies.results.publish import log_tables, publish

        reports = outcome.report(self.options.out, console, as_json=self.options.prints_json)
        log_tables(reports, driver.launch, driver.log.store)
        spent = {"seconds": dict(seconds), "energy_j": joules}
        pages = publish(reports, tracker, driver.launch, spent, driver.log.store, driver.finished_runs)
        write_index(self.options.out)
        return reports, pages

    def _end_run(
        self,
        driver: "StudyDriver",
        reports: "Sequence[Report]",
        seconds: Mapping[str, float],
        joules: float | None,
    ) -> None:
        """Log what the launch cost and end its run; one that had nothing to run or to write is discarded."""
        from studies.results.write import StudyReport

        if not driver.log.has_logged and all(isinstance(each, StudyReport) and each.is_fresh for each in reports):
            driver.log.store.attempt(driver.launch.discard)
            return
        metrics = {f"time/{name}_s": value for name, value in seconds.items()}
        metrics |= {"energy/joules": joules} if joules is not None else {}
        driver.log.store.attempt(partial(driver.launch.log_metrics, metrics))
        driver.log.store.attempt(partial(driver.launch.end, "FINISHED"))


@contextlib.contextmanager
def _left_at_the_end(executor: Executor) -> Iterator[None]:
    """Leave other machines however a launch ends: what runs there and what was put down there would stay."""
    try:
        yield
    finally:
        if isinstance(executor, Remote):
            executor.close()


def _joules(executor: Executor, meter: "Meter") -> float | None:
    """Return the joules of the machines that trained, None where those of any are not known; leave other machines."""
    here = meter.stop().total
    return executor.close() if isinstance(executor, Remote) else here


def closing_lines(files: Sequence[Path], out: Path, seconds: Mapping[str, float]) -> list[str]:
    """Return where things are and what the time went into."""
    outside = sum(value for name, value in seconds.items() if name != "training")
    return [
        f"table, runs and figure: {files[0].parent}",
        *(f"report: {path}" for path in files if path.name == "report.html"),
        f"all reports: {out / 'reports' / 'index.html'}",
        f"trials and checkpoints: {out / 'trials'}",
        f"{seconds['training']:.0f} s of training, {outside:.1f} s around it",
    ]


def _print_links(console: Console, tracker: "Tracker", *, has_arms: bool) -> None:
    """Print how to see the runs in MLflow: the views of the study, or, of a search, its trials."""
    if tracker.ui_command:
        console.print(f"MLflow UI: {tracker.ui_command}", highlight=False, soft_wrap=True)
    links = {"arms": tracker.arms_link, "curves": tracker.curves_link} if has_arms else {"trials": tracker.deep_link}
    for name, link in links.items():
        console.print(f"{f'{name}:':10} [link={link}]{link}[/link]", highlight=False, soft_wrap=True)
