"""The questions: one module is one question and one table; `python -m studies.<question>` answers it.

A study of one's own is a file that declares a `Study` and calls `main`: see `Own studies` in the README.
"""

import sys
from typing import TYPE_CHECKING

from resnet_lab.system.first_use import imported_on_first_use
from resnet_lab.system.hidden_packages import require_own_packages

if TYPE_CHECKING:
    from studies.cli.command import main
    from studies.plan.claims import equivalent, worse_than
    from studies.plan.design import Design
    from studies.plan.measure import Measure
    from studies.plan.spaces import Tune, loguniform, uniform
    from studies.plan.study import Scale, Study

_PLACES = {
    "main": "cli.command",
    "equivalent": "plan.claims",
    "worse_than": "plan.claims",
    "Design": "plan.design",
    "Measure": "plan.measure",
    "Tune": "plan.spaces",
    "loguniform": "plan.spaces",
    "uniform": "plan.spaces",
    "Scale": "plan.study",
    "Study": "plan.study",
}
__all__ = [
    "Design",
    "Measure",
    "Scale",
    "Study",
    "Tune",
    "equivalent",
    "loguniform",
    "main",
    "uniform",
    "worse_than",
]

__getattr__ = imported_on_first_use(__name__, _PLACES)

require_own_packages()

if sys.argv[:1] == ["-m"]:  # the interpreter is looking for a module to run
    from studies.cli.greeting import greet_before_import
    from studies.cli.suggestion import Suggestion

    sys.meta_path.append(Suggestion)
    greet_before_import(sys.orig_argv, sys.argv[1:])
