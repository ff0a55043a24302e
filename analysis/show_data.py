"""A picture of a data set before training: the first images with labels, their shapes, and the classes' counts.

python -m resnet_lab.data show mnist --data-dir DIR --out mnist.png
python -m resnet_lab.data show folder --data-dir DIR --size 64
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from resnet_lab.data.load import ensure, load, resolve
from resnet_lab.errors import UserError
from resnet_lab.listings.output import JsonOption, Row, print_json, print_table
from resnet_lab.spec import DatasetName, DataSpec
from resnet_lab.spec.dataset_option import DATASETS, file_name, take_images
from resnet_lab.system.command import parse, reporting

if TYPE_CHECKING:
    from resnet_lab.data.images import ImageData

PROG = "python -m resnet_lab.data show"
DESCRIPTION = "The first training images of a data set with their labels, their shapes, and how many each class has."
PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(JsonOption):
    """Options of the picture. Raises UserError for a number out of range and a file that is no PNG."""

    dataset: Positional[Annotated[str, arg(metavar=DATASETS)]]
    """The data set."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds it."""
    size: Annotated[int, arg(metavar="INT", help_behavior_hint="")] = 0
    """Side of the images in pixels. Default: the set's own."""
    images: Annotated[int, arg(metavar="INT")] = 32
    """How many images to show."""
    out: Annotated[Path | None, arg(metavar="FILE.png", help_behavior_hint="")] = None
    """Where to write the picture. Default: DATASET.png."""

    def __post_init__(self) -> None:
        take_images(self)
        if self.images < 1 or self.size < 0:
            raise UserError(f"--images {self.images} --size {self.size}: they must be 1 or more")
        if self.file.suffix != ".png":
            raise UserError(f"--out {self.file}: the picture is a PNG, give it a name that ends in .png")

    @property
    def file(self) -> Path:
        """The picture's file."""
        return self.out or Path(f"{file_name(self.dataset)}.png")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture and print the counts. Exits with 2 for a mistake of the user's."""
    with reporting():
        options = parse(Options, prog=PROG, description=DESCRIPTION, argv=argv)
        spec = resolve(DataSpec(name=DatasetName(options.dataset), size=options.size), options.data_dir)
        ensure(spec, options.data_dir)
        data = load(spec, options.data_dir)
        rows = class_counts(data)
        _draw(data, rows, options)
        if options.json:
            print_json(rows)
            return
        print(*_facts(data), sep="\n", end="\n\n")
        print_table(rows, numbers=PARTS)
        print(f"\npicture: {options.file}")


def class_counts(data: "ImageData") -> list[Row]:
    """Return a row for each class: its name and its images in each part."""
    counted = {part: getattr(data, part).labels.bincount(minlength=data.classes).tolist() for part in PARTS}
    return [
        {"class": data.class_name(label), **{part: counted[part][label] for part in PARTS}}
        for label in range(data.classes)
    ]


def _facts(data: "ImageData") -> list[str]:
    sizes = ", ".join(f"{len(getattr(data, part)):,} {part}" for part in PARTS)
    shape = f"{data.size} x {data.size} x {data.channels}"
    stored = data.train.pixels.shape[1]
    kept = f", stored as {stored} x {stored}" if stored != data.size else ""
    left_out = [f"left out: {len(data.unreadable)} files that hold no image"] if data.unreadable else []
    return [f"{data.name}: {sizes}, {data.classes} classes", f"images: uint8 {shape}{kept}", *left_out]


def _draw(data: "ImageData", rows: Sequence[Row], options: Options) -> None:
    from analysis.figures.image_set import plot_images

    first = data.train.pixels[: options.images]
    try:
        plot_images(
            data.view(first).numpy(),
            [data.class_name(int(label)) for label in data.train.labels[: options.images]],
            [(str(row["class"]), [row[part] for part in PARTS]) for row in rows],
            parts=PARTS,
            title=f"{data.name}: the first training images, {data.size} x {data.size} x {data.channels}",
            stem=options.file.with_suffix(""),
        )
    except OSError as error:
        raise UserError(f"cannot write {options.file} ({error.strerror}): choose another --out") from None


if __name__ == "__main__":
    main()
