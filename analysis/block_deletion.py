"""What does a trained network do without some of its blocks?

python -m analysis.block_deletion --checkpoint PATH                      every block deleted in turn
python -m analysis.block_deletion --run ID --experiment multiple reorder --images 2000
"""

import json
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from analysis.lesions.options import Options
from resnet_lab.spec.choices import Value
from resnet_lab.system.command import parse, reporting
from resnet_lab.system.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.lesions.evaluator import Watch

INTERRUPTED = "interrupted: nothing was written"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command. Exits with 2 for a mistake of the user's, 130 on Ctrl-C."""
    with reporting(), interruptible(INTERRUPTED):
        description = "What does a trained network do without some of its blocks?"
        options = parse(Options, prog="python -m analysis.block_deletion", description=description, argv=argv)
        _examine(options)


def _examine(options: Options) -> None:
    """Examine each network, write its report and log it; loads torch, so not before the options are known."""
    from rich.console import Console

    from analysis.inputs.targets import resolve
    from analysis.lesions.session import examine_target
    from analysis.lesions.write import correlation_lines, summary, write
    from resnet_lab.tracking.attach import log_files

    rows, notes = [], Console(stderr=True)
    for target in resolve(options):
        with _progress(notes) as watch:
            report = examine_target(target, options, watch)
        folder = options.out / "lesions" / target.name
        files = write(report, folder)
        params: dict[str, Value] = {name: getattr(options, name) for name in ("seed", "draws", "images", "heal")}
        params |= {"experiment": " ".join(options.experiment), "mode": " ".join(options.mode)}
        log_files(files, out=options.out, run_id=target.run_id, kind="lesions", name=target.name, params=params)
        rows += [{**row, "network": target.name} for row in report.rows]
        if not options.json:
            console = Console()
            console.print(summary(report))
            for line in correlation_lines(report):
                console.print(line, highlight=False, style="dim")
        notes.print(f"tables and figures: {folder}", highlight=False, soft_wrap=True)
    if options.json:
        print(json.dumps(rows, indent=1, allow_nan=False))


@contextmanager
def _progress(console: "object") -> "Iterator[Watch]":
    """Show a bar for each round of networks where the console is a terminal; else nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    assert isinstance(console, Console)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def watch(label: str, total: int | None, /):  # type: ignore[no-untyped-def]  # `Watch` types it
            task = progress.add_task(label, total=total)
            return lambda: progress.advance(task)

        yield watch


if __name__ == "__main__":
    main()
