"""Report of a study or open search, written again; the list of all reports.

python -m analysis.report bn_placement                      every report of the study under runs/
python -m analysis.report runs/reports/bn_placement-quick-digits
python -m analysis.report bn_placement --partial            of a study that has not ended, from the trials so far
python -m analysis.report --list                            what there is under runs/
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from resnet_lab.errors import UserError
from resnet_lab.system.activity import activity
from resnet_lab.system.command import parse, reporting

PROG = "python -m analysis.report"
DESCRIPTION = "Writes the report of a study or search again: HTML, Markdown, LaTeX, CSV and figures."


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the report."""

    study: Annotated[Positional[str], arg(metavar="[STUDY]", help_behavior_hint="")] = ""
    """A study's name, the name of one of its reports, or a report's folder."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Folder the study was run with."""
    list: Annotated[bool, arg(help_behavior_hint="")] = False
    """List the reports under --out, each with its question, size, largest effect and date; write their index.html."""
    partial: Annotated[bool, arg(help_behavior_hint="")] = False
    """Report a study that runs or was interrupted, from the trials that are complete by now."""
    figure: Annotated[Literal["pareto"] | None, arg(metavar="{pareto}", help_behavior_hint="")] = None
    """Draw a figure besides: test error against parameters, FLOPs and seconds. Where arms differ in parameters or
    FLOPs, it is there anyhow."""

    def __post_init__(self) -> None:
        if bool(self.study) == self.list:
            raise UserError("name a study, or give --list for the reports that there are")
        if self.list and (self.partial or self.figure):
            raise UserError("--list writes no report: leave out --partial and --figure")


def main(argv: Sequence[str] | None = None) -> None:
    """Write and print the paths of the pages. Exits with 2 for a study that is not there."""
    with reporting():
        options = parse(Options, prog=PROG, description=DESCRIPTION, argv=argv)
        if options.list:
            _list(options.out)
        elif options.partial:
            _write_partial(options)
        else:
            _write(options)


def _list(out: Path) -> None:
    # --help must not wait for what draws.
    from analysis.report.index import entries, index_lines, write_index

    found = entries(out)
    if not found:
        raise UserError(f"there is no report in {out / 'reports'}: run a study first, or name another --out")
    print("\n".join([*index_lines(found), str(write_index(out))]))


def _writing() -> AbstractContextManager[None]:
    from rich.console import Console

    return activity("writing tables and pages", Console(stderr=True))


def _write(options: Options) -> None:
    with _writing():
        from analysis.report.index import write_index
        from analysis.report.write import write_report
        from analysis.results.report_folder import find_reports

        written: list[Path] = []
        for folder in find_reports(options.study, options.out):
            written += write_report(folder.path, pareto=options.figure == "pareto")[:4]
            write_index(folder.out)
    print("\n".join(map(str, written)))


def _write_partial(options: Options) -> None:
    with _writing():
        from analysis.report.partial import write_partial
        from analysis.results.begun import find_begun

        pareto = options.figure == "pareto"
        written = [write_partial(folder, pareto=pareto) for folder in find_begun(options.study, options.out)]
    print("\n".join(map(str, written)))


if __name__ == "__main__":
    main()
