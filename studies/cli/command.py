"""The command of every study: `main` parses its options and launches it."""

import shlex
import sys
from collections.abc import Sequence

from resnet_lab.system.command import parse, reporting
from resnet_lab.system.interrupt import interruptible
from studies.cli.greeting import greet_at_once
from studies.plan.study import Study, command_of

INTERRUPTED = "interrupted: the same command goes on from the last finished epochs"


def main(study: Study, argv: Sequence[str] | None = None) -> None:
    """Run a study's command line. Exits with 2 for a mistake of the user's, 1 where trials failed, 130 on Ctrl-C."""
    with reporting(), interruptible(INTERRUPTED):
        greet_at_once(study.question, sys.argv[1:] if argv is None else argv)
        from studies.plan.options import Options  # tyro alone is half of what comes before the first line

        options = parse(Options, prog=shlex.join(command_of(study)), description=study.question, argv=argv)
        # Planning and running import more than --help may.
        if options.dry_run:
            from studies.cli.dry_run import preview

            sys.exit(preview(study, options))
        from studies.cli.launch import launch

        sys.exit(launch(study, options))
