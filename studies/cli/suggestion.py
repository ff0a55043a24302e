"""Suggestion of a study's name where `python -m studies.bn_plcement` finds no module."""

import sys


class Suggestion:
    """The last finder of modules: where `python -m studies.bn_plcement` finds none, it says which study was meant."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:  # noqa: ARG004  # the finder's
        if name.startswith("studies.") and name.count(".") == 1 and sys.argv[0] == "-m":
            from resnet_lab.system.command import reporting
            from studies.plan.study import require_question

            with reporting():
                require_question(name.removeprefix("studies."))
