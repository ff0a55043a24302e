"""Loss landscape: how does the loss rise around a trained network, and what gradient reaches its layers?

python -m analysis.landscape --checkpoint PATH                        two random directions, 15 x 15 points, 100 images
python -m analysis.landscape --study NAME --points 31 --images 1000   every trial of a study, and their gradients in one
"""

from collections.abc import Sequence

from analysis.landscape.options import Options
from resnet_lab.system.activity import LOADING, activity
from resnet_lab.system.command import parse, reporting
from resnet_lab.system.interrupt import interruptible

DESCRIPTION = "How does the loss rise around a trained network, and what gradient reaches each of its layers?"
INTERRUPTED = "interrupted: what was finished is kept, the rest was not written"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command. Exits with 2 for a mistake of the user's, 130 on Ctrl-C."""
    with reporting(), interruptible(INTERRUPTED):
        options = parse(Options, prog="python -m analysis.landscape", description=DESCRIPTION, argv=argv)
        # --help must not wait for torch.
        from rich.console import Console

        with activity(LOADING, Console(stderr=True)):
            from analysis.inputs.targets import resolve
            from analysis.landscape.command import examine_all

            targets = resolve(options)
        examine_all(targets, options)


if __name__ == "__main__":
    main()
