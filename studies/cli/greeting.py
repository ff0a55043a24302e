"""First lines of a launch, before what loads for seconds: the question, and what is audited."""

import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studies.plan.options import Options
    from studies.plan.study import Study

_QUIET = {"-h", "--help", "--dry-run"}
_FOR_JSON = {"--json", "--verdict"}


_greeted: set[str] = set()


def greet_before_import(command: Sequence[str], words: Sequence[str]) -> None:
    """Print the question of `python -m studies.NAME` in a terminal while the study is still being imported.

    That takes half a second on an idle machine. `command` is what the interpreter was started with.
    """
    name = next((word.removeprefix("studies.") for word in command if word.startswith("studies.")), "")
    source = Path(__file__).parents[1] / f"{name}.py"
    if name.isidentifier() and source.is_file():
        greet_at_once(_question_in(source), words)


def _question_in(source: Path) -> str:
    """Return the question that a module's `Study(question="...")` asks."""
    keywords = (node for node in ast.walk(ast.parse(source.read_bytes())) if isinstance(node, ast.keyword))
    asked = (each.value for each in keywords if each.arg == "question")
    return next((str(value.value) for value in asked if isinstance(value, ast.Constant)), "")


def greet_at_once(question: str, words: Sequence[str]) -> None:
    """Print the question of a launch in a terminal, where nothing else moves, before the command line is parsed."""
    stream = sys.stdout if _FOR_JSON.isdisjoint(words) else sys.stderr
    if question and stream.isatty() and _QUIET.isdisjoint(words) and question not in _greeted:
        print(question, file=stream, flush=True)
        _greeted.add(question)


def greet(study: "Study", options: "Options") -> None:
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
