"""The outcome of an open search on disk."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.report.search import write as page
from analysis.report.search.data import SearchData
from resnet_lab.system import atomic
from studies.results.outcomes import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReport:
    """A search's report on disk, and the data it is made of."""

    folder: Path
    data: SearchData
    runs: Sequence[Row]
    """The trials that the launch answers for, with their status."""
    files: list[Path]
    json: str

    def write_page(self, launch: dict[str, Any]) -> list[Path]:
        """Write the page, which says what the launch knows of its command, time and tracking; return its files."""
        return page.write_search(dataclasses.replace(self.data, launch=launch), self.folder)


def write_search(record: Mapping[str, Any], text: str, runs: Sequence[Row], out: Path, title: str) -> SearchReport:
    """Write search.json and search.md. `record` is the search as JSON takes it, `text` the same in words."""
    folder = out / "reports" / title
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(record, indent=2)
    for name, each in (("search.json", content), ("search.md", f"```\n{text}\n```")):
        atomic.write(folder / name, (each + "\n").encode())
    data = SearchData.of(record, {}, out.absolute() / "trials")
    files = [folder / "search.json", folder / "search.md"]
    return SearchReport(folder=folder, data=data, runs=runs, files=files, json=content)
