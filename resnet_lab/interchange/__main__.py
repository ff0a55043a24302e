"""`python -m resnet_lab.interchange import FILE --out DIR` and `... export CHECKPOINT --out FILE`."""

import json
import sys
from collections.abc import Sequence

from resnet_lab.errors import printable
from resnet_lab.interchange.options import Command, Export, Import
from resnet_lab.system.command import parse, reporting


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line. Exits with 2 for a mistake of the user's, an incomplete load among them."""
    with reporting():
        options: Import | Export = parse(
            Command,  # type: ignore[arg-type]  # a union of subcommands is no class
            prog="python -m resnet_lab.interchange",
            description="Checkpoints in and out of this project.",
            argv=argv,
        )
        if isinstance(options, Import):
            _import(options)
        else:
            _export(options)


def _import(options: Import) -> None:
    from resnet_lab.interchange.importing import UnfilledError, import_checkpoint, write
    from resnet_lab.interchange.probe import proven
    from resnet_lab.interchange.text import describe_coverage, describe_import

    try:
        imported = import_checkpoint(
            options.file,
            format=options.format,
            normalise=options.normalise,
            allow_partial=options.allow_partial,
        )
    except UnfilledError as error:
        _print(*describe_coverage(error.coverage, error.nearest), options.json)
        raise
    if options.probe is not None:
        imported = proven(imported, options.probe)
    write(imported, options.out)
    _print(*describe_import(imported, options.out), options.json)


def _export(options: Export) -> None:
    from resnet_lab.interchange.exporting import export_checkpoint
    from resnet_lab.interchange.text import describe_export

    _print(*describe_export(export_checkpoint(options.checkpoint, options.out), options.out), options.json)


def _print(content: dict[str, object], lines: list[str], as_json: bool) -> None:
    sys.stdout.write(json.dumps(content, indent=2) + "\n" if as_json else printable("\n".join(lines)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
