"""Arguments of a command that are fields of a run, by dotted name: `--model.depth 110`."""

from collections.abc import Sequence

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import replace
from resnet_lab.spec.run_spec import RunSpec


def take_fields(argv: Sequence[str]) -> tuple[RunSpec, list[str]]:
    """Split a command line into the run that its dotted names describe and the arguments that are left.

    A preset's name stands for `model.name`; fields given with it win. Raises UserError for an unknown field, a bad
    value or a missing one.
    """
    changes, rest = take_assignments(argv)
    return replace(RunSpec(), changes), rest


def take_assignments(argv: Sequence[str]) -> tuple[dict[str, Value], list[str]]:
    """Split a command line into {dotted name: text} and the arguments that are left.

    `--model.depth 110` and `--model.depth=110` mean the same, as do hyphens and underscores. Raises UserError for a
    name without a value; whether there is such a field is not asked.
    """
    changes: dict[str, Value] = {}
    rest: list[str] = []
    left = list(argv)
    while left:
        argument = left.pop(0)
        option, equals, value = argument.partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--") or not ("." in name or name == "seed"):
            rest.append(argument)
            continue
        if not equals:
            if not left or left[0].startswith("--"):
                raise UserError(f"{option} needs a value: write {option} VALUE")
            value = left.pop(0)
        changes[name] = value
    return changes, rest
