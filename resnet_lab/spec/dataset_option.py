"""Choice of images on a command line: a set's name, folder:DIR, npz:FILE or module:callable. Imports no torch."""

import difflib
from pathlib import Path
from typing import Annotated, Protocol

from tyro.conf import arg

from ablations.references import is_own, missing
from resnet_lab.errors import UserError
from resnet_lab.spec.choices import DatasetName
from resnet_lab.spec.run_spec import DataSpec

FORMS = ("folder:DIR", "npz:FILE", "MODULE:CALLABLE")
DATASETS = "{" + ",".join((*DatasetName, *FORMS)) + "}"
"""What `--dataset` takes, as help shows it."""
DatasetOption = Annotated[str | None, arg(metavar=DATASETS, help_behavior_hint="")]
_PREFIXES = {"folder": DatasetName.FOLDER, "npz": DatasetName.ARRAYS}


class WithImages(Protocol):
    """The options of a command that reads images."""

    @property
    def dataset(self) -> str | None: ...
    @property
    def data_dir(self) -> Path | None: ...


def take_images(options: WithImages) -> None:
    """Turn `dataset` of frozen options into a set's name, and what it says of its place into `data_dir`.

    Raises UserError as `chosen_images` does.
    """
    if options.dataset is not None:
        name, data_dir = chosen_images(options.dataset, options.data_dir)
        object.__setattr__(options, "dataset", name)
        object.__setattr__(options, "data_dir", data_dir)


def chosen_images(text: str, data_dir: Path | None) -> tuple[DatasetName, Path | None]:
    """Return a set's name and the folder or file it lies in. Raises UserError for a set that there is not."""
    prefix, colon, place = text.partition(":")
    if colon and prefix in _PREFIXES:
        return _PREFIXES[prefix], _place(text, place, data_dir)
    try:
        return DatasetName(text), data_dir
    except ValueError:
        raise UserError(_no_such_set(text)) from None


def file_name(name: str) -> str:
    """Return a set's name as part of a file's: a reference without its digest, `my_data.load`."""
    return name.partition("@")[0].replace(":", ".")


def report_name(spec: DataSpec) -> str:
    """Return what a report's name calls the images: those of one's own by the start of their digest, too."""
    return f"{file_name(spec.name)}_{spec.contents[-12:][:6]}" if spec.contents else file_name(spec.name)


def _place(text: str, place: str, data_dir: Path | None) -> Path:
    if not place:
        raise UserError(f"{text} names no place: write {text}PATH")
    if data_dir is not None:
        raise UserError(f"{text} and --data-dir {data_dir} both say where the images are: leave out --data-dir")
    return Path(place)


def _no_such_set(text: str) -> str:
    if is_own(text):
        return missing(text)
    close = difflib.get_close_matches(text, list(DatasetName), n=1)
    hint = f"perhaps you meant {close[0]}; " if close else ""
    hint = f"for images of your own write folder:{text} or npz:{text}; " if Path(text).exists() else hint
    return f"there is no data set {text!r}: {hint}there are {', '.join((*DatasetName, *FORMS))}"
