"""Report of a finished study or open search, written again.

python -m analysis.report bn_placement                      every report of the study under runs/
python -m analysis.report runs/reports/bn_placement-quick-digits
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from resnet_lab.system.command import parse, reporting

PROG = "python -m analysis.report"
DESCRIPTION = "Writes the report of a finished study or search again: HTML, Markdown, LaTeX, CSV and figures."


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the report."""

    study: Annotated[Positional[str], arg(metavar="STUDY", help_behavior_hint="")]
    """A study's name, the name of one of its reports, or a report's folder."""
    out: Annotated[Path, arg(metavar="DIR")] = Path("runs")
    """Folder the study was run with."""
    figure: Annotated[Literal["pareto"] | None, arg(metavar="{pareto}", help_behavior_hint="")] = None
    """Draw a figure besides: test error against parameters, FLOPs and seconds. Where arms differ in parameters or
    FLOPs, it is there anyhow."""


def main(argv: Sequence[str] | None = None) -> None:
    """Write and print the paths of the pages. Exits with 2 for a study that is not there."""
    with reporting():
        options = parse(Options, prog=PROG, description=DESCRIPTION, argv=argv)
        # --help must not wait for what draws.
        from analysis.report.write import write_report
        from analysis.results.report_folder import find_reports

        for folder in find_reports(options.study, options.out):
            print("\n".join(map(str, write_report(folder.path, pareto=options.figure == "pareto")[:4])))


if __name__ == "__main__":
    main()
