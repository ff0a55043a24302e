"""One launch of a study, from the checks before anything is written to the report at the end."""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from analysis.report.stamp import remove_stamps
from analysis.warm import load_in_background
from resnet_lab.data.load import ensure
from resnet_lab.errors import UserError
from resnet_lab.system.environment import describe_code, describe_machine
from resnet_lab.trials.worker_settings import WorkerSettings
from studies.modes.mode import Mode, make_mode
from studies.plan.options import Options
from studies.plan.plan import Plan, make_plan, trials_of
from studies.plan.study import Study
from studies.runner.executor import Executor
from studies.runner.lock import driver_lock
from studies.runner.packed_executor import eager_lines, make_executor
from studies.runner.resources import resources

if TYPE_CHECKING:
    from resnet_lab.tracking import Tracker

TAG_LENGTH = 5_000  # the longest value that every MLflow store takes


def launch(study: Study, options: Options) -> int:
    """Run what is missing of a study and report. Returns the exit code. Raises UserError before writing anything."""
    plan = make_plan(study, options)
    course = make_mode(plan, options)
    ensure(plan.cells[0].data, options.data_dir)
    device, jobs = resources(options, plan.cells)
    _require_writable(options.out)
    with driver_lock(options.out, study.name):
        return StudyLaunch(plan=plan, options=options, course=course, device=device, jobs=jobs).run()


def preview(study: Study, options: Options) -> int:
    """Print the plan and write nothing but what the cache remembers of its networks."""
    from studies.audit.audit import audit
    from studies.audit.network_facts import measure_networks
    from studies.cli.dry_run import show

    plan = make_plan(study, options)
    course = make_mode(plan, options)
    ensure(plan.cells[0].data, options.data_dir)
    device, jobs = resources(options, plan.cells)
    checked = audit(plan, measure_networks(plan))
    show(checked, trials_of(checked.plan, options.out), device=device, jobs=jobs, as_json=options.json)
    if course.forecast() and not options.json:
        print(course.forecast())
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLaunch:
    plan: Plan
    options: Options
    course: Mode
    device: str
    jobs: int
    make_executor: Callable[..., Executor] = make_executor
    """Where trials run: `studies.runner.packed_executor.make_executor` or what takes its arguments."""

    def run(self) -> int:
        from resnet_lab.system.energy import Meter
        from resnet_lab.tracking import Tracker, TrackingError
        from studies.audit import text as audit_text
        from studies.audit.audit import audit
        from studies.audit.network_facts import start_measuring
        from studies.results.publish import close
        from studies.results.write import closing_lines
        from studies.runner.display import make_display
        from studies.runner.driver import Driver
        from studies.runner.optuna_store import OptunaStore

        started = time.perf_counter()
        options, plan = self.options, self.plan
        console = Console(stderr=options.json)
        environment = describe_code() | describe_machine()
        orders = WorkerSettings(
            data_dir=options.data_dir and options.data_dir.absolute(),
            device=self.device,
            environment=environment,
            deterministic=options.deterministic,
            compiled=options.compile,
        )
        # The fork server loads torch while this process creates the databases; no worker starts before they exist.
        executor = self.make_executor(
            slots=self.jobs,
            orders=orders,
            threads=1 if self.device == "cpu" else 0,
            runs=plan.cells,
        )
        facts_of_all = start_measuring(plan)
        tracker = Tracker.open(options.out, plan.study.name)
        ledger = OptunaStore.open(options.out, plan.study.name)
        tracker.close_stale()
        _print_links(console, tracker)
        checked = audit(plan, facts_of_all())
        plan = checked.plan
        for line in [*audit_text.left_out_lines(plan), *eager_lines(plan.cells, self.device)]:
            console.print(line, highlight=False, markup=False)
        tags = {"study": plan.study.name, "scale": plan.scale, "git_sha": str(environment["git_sha"])}
        tags["audit"] = "\n".join(audit_text.lines(checked))[:TAG_LENGTH]
        parent = tracker.start_launch(f"{plan.study.name} {plan.scale}", tags, {"command": " ".join(sys.argv)})
        finished = tracker.finished()
        known = len(finished)
        driver = Driver(
            plan=plan,
            trials=trials_of(plan, options.out),
            ledger=ledger,
            launch=parent,
            finished_runs=finished,
            executor=executor,
            display=make_display(plan, console),
            environment=environment,
            data_source=str(options.data_dir or "default"),
            audit=checked,
            when_idle=load_in_background,
        )
        before, meter = time.perf_counter(), Meter()
        try:
            self.course.run(driver, console)
        except BaseException:
            with contextlib.suppress(TrackingError):  # the first error is the one to tell
                parent.end("KILLED")
            raise
        after, joules = time.perf_counter(), meter.stop()
        if len(finished) > known:
            remove_stamps(options.out, plan.study.name)
        runs, files = self.course.report(options.out, console, as_json=options.json)
        folders = dict.fromkeys(path.parent for path in files)
        for folder in folders:
            parent.log_files([path for path in files if path.parent == folder], folder.name if len(folders) > 1 else "")
        seconds = {"setup": before - started, "training": after - before}
        files += close(files, tracker, parent, seconds, joules)
        seconds["report"] = time.perf_counter() - after
        parent.log_metrics({f"time/{name}_s": value for name, value in seconds.items()} | checked.metrics())
        parent.end("FINISHED")
        for line in closing_lines(files, options.out, seconds):
            console.print(line, highlight=False, soft_wrap=True)
        _print_links(console, tracker)
        return 0 if all(run["status"] == "complete" for run in runs) else 1


def _print_links(console: Console, tracker: "Tracker") -> None:
    if tracker.ui_command:
        console.print(f"MLflow UI: {tracker.ui_command}", highlight=False, soft_wrap=True)
    console.print(f"trials:    {tracker.deep_link}", highlight=False, soft_wrap=True)


def _require_writable(out: Path) -> None:
    probe = out / f".write-test-{os.getpid()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {out} ({error.strerror}): choose another --out") from None
