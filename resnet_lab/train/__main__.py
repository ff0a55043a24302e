"""Training of one network, given by dotted names, with the folder, checkpoint and MLflow run of a study's trial.

python -m resnet_lab.train --data.name digits --model.depth 20 --epochs 6
python -m resnet_lab.train --model.name vgg15_bn --data.name cifar10 --data-dir DIR --recipe.iterations 2000
"""

import dataclasses
import sys
from collections.abc import Sequence

from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.arguments import take_assignments
from resnet_lab.spec.choices import Value
from resnet_lab.spec.dataset_option import chosen_images
from resnet_lab.spec.fields import replace
from resnet_lab.spec.recipes import find_recipe
from resnet_lab.system.command import parse, reporting
from resnet_lab.system.interrupt import interruptible
from resnet_lab.train.options import Options

PROG = "python -m resnet_lab.train"
DESCRIPTION = (
    "Train one network: any model, data and recipe by dotted names, as a study would train it. "
    "--model.name also takes a preset, such as resnet110, se_resnet110 or wrn_28_10. The same command again finds the "
    "trial complete, or goes on from its last epoch; a study with the same fields and seed takes it as its own."
)
INTERRUPTED = "interrupted: the same command goes on from the last finished epoch"


def main(argv: Sequence[str] | None = None) -> None:
    """Train what the command line describes. Exits with 2 for a mistake of the user's, 1 where the trial failed."""
    with reporting(), interruptible(INTERRUPTED):
        changes, rest = take_assignments(sys.argv[1:] if argv is None else argv)
        options = parse(Options, prog=PROG, description=DESCRIPTION, argv=rest, underscores=True)
        changes, options = _with_images(changes, options)
        spec = run_of(changes, options)
        from resnet_lab.train.launch import launch  # planning and running import more than --help may

        sys.exit(launch(spec, options))


def _with_images(changes: dict[str, Value], options: Options) -> tuple[dict[str, Value], Options]:
    """Take the place of one's own images, as in `--data.name npz:FILE`, out of the name into the options."""
    if "data.name" not in changes:
        return changes, options
    name, data_dir = chosen_images(str(changes["data.name"]), options.data_dir)
    return {**changes, "data.name": name}, dataclasses.replace(options, data_dir=data_dir)


def run_of(changes: dict[str, Value], options: Options) -> RunSpec:
    """Return the run of the dotted names and options. Raises UserError for a field or value that there is not."""
    from resnet_lab.data.catalog import steps_per_epoch, train_images
    from resnet_lab.data.load import resolve
    from resnet_lab.interchange.weights import resolve_weights

    preset = find_recipe(options.recipe) if options.recipe else None
    spec = replace(RunSpec(), {**(preset.recipe if preset else {}), **changes})
    recipe = dataclasses.replace(spec.recipe, weights=resolve_weights(spec.recipe.weights))
    spec = dataclasses.replace(spec, data=resolve(spec.data, options.data_dir), recipe=recipe)
    asked = "recipe.iterations" in changes
    if options.epochs is not None and asked:
        raise UserError("--epochs and --recipe.iterations both say how long to train: give one of them")
    epochs = options.epochs or (preset.epochs if preset and not asked else None)
    if epochs is None:
        return spec
    steps = steps_per_epoch(train_images(spec.data), spec.recipe.batch_size)
    return replace(spec, {"recipe.iterations": epochs * steps})


if __name__ == "__main__":
    main()
