"""Analysis of runs and checkpoints: statistics, figures, tables and reports. Trains nothing."""

from typing import TYPE_CHECKING

from resnet_lab.system.first_use import imported_on_first_use

if TYPE_CHECKING:
    from analysis.results.load import load_study

__all__ = ["load_study"]

__getattr__ = imported_on_first_use(__name__, {"load_study": "results.load"})
