"""Partial report: the arms of a study that runs or was interrupted, from the trials that are complete by now."""

from pathlib import Path

from analysis.report.data import ReportData
from analysis.report.index import write_index
from analysis.report.stamp import remove_stamp
from analysis.report.write import write_page, write_tables
from analysis.results.begun import Begun
from analysis.results.report_folder import ReportFolder
from resnet_lab.errors import UserError


def partial_data(folder: ReportFolder) -> ReportData:
    """Return the data of a study that has begun. Raises UserError where no trial is complete."""
    begun = Begun.read(folder)
    data = ReportData.of(begun.plan, begun.runs_now(folder.trials), begun.audit, folder.launch(), folder.trials)
    if not any(row.n for row in data.rows):
        raise UserError(f"no trial of {folder.path.name} is complete yet: there is nothing to report")
    return data


def write_partial(folder: ReportFolder, *, pareto: bool = False) -> Path:
    """Write the report of what is complete in the study's own folder and return the path of its page.

    The launch that ends the study writes all of it again: until then the page says how many trials have not ended.
    """
    data = partial_data(folder)
    remove_stamp(folder.path)
    write_tables(data, folder.path)
    pages = write_page(data, folder.path, pareto=pareto)
    write_index(folder.out)
    return next(path for path in pages if path.name == "report.html")
