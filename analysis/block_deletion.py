"""Lesions: what does a trained network do without some of its blocks?

python -m analysis.block_deletion --checkpoint PATH                      every block deleted in turn
python -m analysis.block_deletion --run ID --experiment multiple reorder --images 2000
"""

import json
from collections.abc import Sequence

from analysis.lesions.options import Options
from resnet_lab.system.activity import LOADING, WRITING, activity
from resnet_lab.system.command import parse, reporting
from resnet_lab.system.interrupt import interruptible

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

    rows, notes = [], Console(stderr=True)
    with activity(LOADING, notes):
        from analysis.inputs.progress_bar import progress_bars
        from analysis.inputs.targets import labels, resolve
        from analysis.lesions.session import examine_target
        from analysis.lesions.write import correlation_lines, summary, write, write_networks
        from resnet_lab.tracking.attach import log_files

        targets = resolve(options)
    for target in targets:
        with progress_bars(notes) as progress:
            report = examine_target(target, options, progress)
        folder = options.out / "lesions" / target.name
        with activity(WRITING, notes):
            files, params = write(report, folder), options.params()
            logged = log_files(
                files, out=options.out, run_id=target.run_id, kind="lesions", name=target.name, params=params
            )
        rows += [{**row, "network": target.name} for row in report.rows]
        if not options.json:
            console = Console()
            console.print(summary(report))
            for line in correlation_lines(report):
                console.print(line, highlight=False, style="dim")
        notes.print(f"tables and figures: {folder}\n{logged}", highlight=False, markup=False, soft_wrap=True)
    if options.study is not None and len(targets) > 1:
        called = dict(zip((target.name for target in targets), labels(targets), strict=True))
        named = [{**row, "network": called[row["network"]]} for row in rows]
        folder = options.out / "lesions" / options.study
        write_networks(named, name=options.study, classes=targets[0].data.classes, folder=folder)
        notes.print(f"all networks: {folder}", highlight=False, markup=False, soft_wrap=True)
    if options.json:
        print(json.dumps(rows, indent=1, allow_nan=False))


if __name__ == "__main__":
    main()
