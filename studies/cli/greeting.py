"""First lines of a launch, before what loads for seconds: the question, and what is audited."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from studies.plan.study import Study

if TYPE_CHECKING:
    from studies.plan.options import Options

_QUIET = {"-h", "--help", "--dry-run"}
_FOR_JSON = {"--json", "--verdict"}


def greet_at_once(study: Study, words: Sequence[str]) -> None:
    """Print the question of a launch in a terminal, where nothing else moves, before the command line is parsed."""
    stream = sys.stdout if _FOR_JSON.isdisjoint(words) else sys.stderr
    if stream.isatty() and _QUIET.isdisjoint(words):
        print(study.question, file=stream, flush=True)


def greet(study: Study, options: "Options") -> None:
    """Print the question where output is piped, once the options were found right."""
    stream = sys.stderr if options.prints_json else sys.stdout
    if not stream.isatty():
        print(study.question, file=stream, flush=True)


def audit_words(networks: int) -> str:
    """Return what a launch does before its first trial, which takes seconds."""
    return f"auditing {networks} network{'s' if networks != 1 else ''}"


def say_audit(networks: int, options: "Options") -> None:
    """Print how many networks are built; in a terminal a line that counts seconds says it."""
    stream = sys.stderr if options.prints_json else sys.stdout
    if not stream.isatty():
        print(f"{audit_words(networks)} ...", file=stream, flush=True)
