"""The command `python -m resnet_lab.evaluate`: a trained network's scores on the test images of its data set."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.evaluation.options import Options
from resnet_lab.system.activity import LOADING, WRITING, activity
from resnet_lab.system.command import parse, reporting
from resnet_lab.system.interrupt import interruptible

if TYPE_CHECKING:
    from analysis.evaluation.evaluation import Evaluation
    from analysis.inputs.progress_bar import Progress
    from analysis.inputs.targets import Target

DESCRIPTION = "How good is a trained network? Loss, accuracy, confusion matrix and calibration on its test images."
INTERRUPTED = "interrupted: what was finished is kept, the rest was not written"
METRICS = ("loss", "accuracy", "top5", "ece")
"""What an MLflow run of an evaluation has as metrics."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command. Exits with 2 for a mistake of the user's, 130 on Ctrl-C."""
    with reporting(), interruptible(INTERRUPTED):
        _evaluate_all(parse(Options, prog="python -m resnet_lab.evaluate", description=DESCRIPTION, argv=argv))


def _evaluate_all(options: Options) -> None:
    """Evaluate each network, write its files and log them; loads torch, so not before the options are known."""
    from rich.console import Console

    log, console = Console(stderr=True), Console(highlight=False, markup=False)
    with activity(LOADING, log):
        from analysis.evaluation.text import lines, table
        from analysis.inputs.progress_bar import progress_bars
        from analysis.inputs.targets import resolve

        targets = resolve(options)
    found: list[Evaluation] = []
    for target in targets:
        with progress_bars(log) as progress:
            evaluation = evaluate(target, options, progress)
        if not options.json:
            console.print("\n".join(lines(evaluation)))
            console.print(table(evaluation))
        with activity(WRITING, log):
            places = _keep(evaluation, target, options)
        log.print(places, highlight=False, markup=False, soft_wrap=True)
        found.append(evaluation)
    if options.json:
        rows = [evaluation.as_dict() for evaluation in found]
        print(json.dumps(rows if options.study else rows[0], indent=1, allow_nan=False))


def evaluate(target: "Target", options: Options, progress: "Progress") -> "Evaluation":
    """Return one network's evaluation. Raises UserError where its logits are not finite."""
    from analysis.evaluation.evaluation import Evaluation
    from analysis.evaluation.predict import predict
    from analysis.evaluation.scores import score
    from resnet_lab.engine.precision import use_precision

    dtype = use_precision(options.precision, target.device)
    return Evaluation(
        network=target.name,
        dataset=target.data.name,
        precision=str(dtype).removeprefix("torch."),
        classes=[target.data.class_name(label) for label in range(target.data.classes)],
        scores=score(*predict(target, dtype, progress)),
    )


def _keep(evaluation: "Evaluation", target: "Target", options: Options) -> str:
    """Write the files and log them to the run the network came from; return a line for each place."""
    from analysis.evaluation.evaluation import write
    from resnet_lab.tracking.attach import log_files

    folder = options.out / "evaluation" / target.name
    files = write(evaluation, folder)
    scores = evaluation.scores.as_dict()
    logged = log_files(
        files,
        out=options.out,
        run_id=target.run_id,
        kind="evaluation",
        name=target.name,
        params={"dataset": evaluation.dataset.value, "precision": evaluation.precision},
        metrics={name: scores[name] for name in METRICS if scores[name] is not None},
    )
    return f"tables and figures: {folder}\n{logged}"
