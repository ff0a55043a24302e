"""Summary of the network a spec builds: layers, order of operations, parameters, FLOPs and depth; no weights.

python -m resnet_lab.summary --model.depth 110 --model.block.preactivation full
python -m resnet_lab.summary --model.name resnet50 --classes 1000 --json
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import fill
from typing import Annotated

import tyro.conf
from tyro.conf import arg

from ablations.references import is_own
from resnet_lab.data.catalog import ImageShape, info_of
from resnet_lab.errors import UserError
from resnet_lab.networks.sizes import ONLY
from resnet_lab.spec import DatasetName, RunSpec
from resnet_lab.spec.arguments import take_fields
from resnet_lab.spec.at_test import words_at_test
from resnet_lab.spec.choices import Stem
from resnet_lab.spec.families import FOR_IMAGENET
from resnet_lab.system.command import parse, reporting

PROG = "python -m resnet_lab.summary"
DESCRIPTION = (
    "What a network is: layers, order of operations, parameters, FLOPs, depth.\n\n"
    "--model.name also takes a preset, such as resnet110, se_resnet110 or wrn_28_10."
)
_BASELINE = RunSpec()
IMAGENET_SIZE = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the summary, besides the fields of the run. Raises UserError for a number out of range."""

    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout instead of tables."""
    full: Annotated[bool, arg(help_behavior_hint="")] = False
    """Show every block, also where it equals the one before."""
    image_size: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """Side of the images in pixels. Default: that of data.name, 28 for networks of MNIST, 224 for ImageNet's."""
    classes: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """Number of classes. Default: that of data.name."""
    spec: Annotated[RunSpec, arg(name=""), tyro.conf.FlagConversionOff] = _BASELINE

    def __post_init__(self) -> None:
        for name, value in (("image_size", self.image_size), ("classes", self.classes)):
            if value is not None and value < 1:
                raise UserError(f"--{name} {value}: it must be 1 or more")

    @property
    def images(self) -> ImageShape:
        """Return what images the network is built for. Raises UserError for a folder without --classes."""
        model, data = self.spec.model, self.spec.data
        if data.name == DatasetName.FOLDER and not data.contents and self.classes is not None:
            own = ImageShape(channels=3, size=data.size or IMAGENET_SIZE, classes=self.classes)
        else:
            own = info_of(data).shape
        made_for_imagenet = model.stem == Stem.IMAGENET or model.name in FOR_IMAGENET
        size = self.image_size or data.size or (IMAGENET_SIZE if made_for_imagenet else own.size)
        return ImageShape(channels=own.channels, size=size, classes=self.classes or own.classes)


def _on_its_images(spec: RunSpec) -> RunSpec:
    """Return the spec on MNIST where its network takes images of that size alone."""
    if spec.model.name not in ONLY or spec.data.size:
        return spec
    return replace(spec, data=replace(spec.data, name=DatasetName.MNIST))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the summary of a spec. Exits with 2 for a mistake of the user's."""
    with reporting():
        arguments = list(sys.argv[1:] if argv is None else argv)
        spec, rest = take_fields(arguments)
        if is_own(spec.data.name):
            from resnet_lab.data.load import resolve

            spec = replace(spec, data=resolve(spec.data))
        if not any(argument.startswith("--data.name") for argument in arguments):
            spec = _on_its_images(spec)
        options = parse(Options, prog=PROG, description=DESCRIPTION, argv=rest, underscores=True)
        # --help must not wait for torch.
        from resnet_lab.inspect.text import as_dict, show
        from resnet_lab.inspect.trace import trace

        images = Options(spec=spec, image_size=options.image_size, classes=options.classes).images
        traced = trace(spec.model, channels=images.channels, classes=images.classes, size=images.size)
        image = (images.channels, images.size, images.size)
        if options.json:
            print(json.dumps(as_dict(spec.model, traced, image) | {"at_test": words_at_test(spec)}, indent=2))
        else:
            show(spec.model, traced, image, full=options.full)
            if (words := words_at_test(spec)) is not None:
                print(fill(f"at test:    {words}", 80, subsequent_indent=" " * 12))


if __name__ == "__main__":
    main()
