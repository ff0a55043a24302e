"""First lines of a launch, before what loads for seconds: the question, and what is audited."""

import sys

from studies.plan.options import Options
from studies.plan.study import Study


def greet(study: Study, options: Options, *, at_once: bool) -> None:
    """Print the question: at once in a terminal, where nothing else moves; else when the options were found right."""
    stream = sys.stderr if options.prints_json else sys.stdout
    if stream.isatty() == at_once:
        print(study.question, file=stream, flush=True)


def say_audit(networks: int, options: Options) -> None:
    """Print how many networks are built, which takes seconds."""
    stream = sys.stderr if options.prints_json else sys.stdout
    print(f"auditing {networks} network{'s' if networks != 1 else ''} ...", file=stream, flush=True)
