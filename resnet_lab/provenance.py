"""Provenance of a checkpoint: size, classes and normalisation of its images, and the file it was imported from."""

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ablations.spec import FROZEN
from resnet_lab.errors import UserError

MODEL_FILE = "model.safetensors"
"""Name of a checkpoint in its folder."""
Count = Annotated[int, Field(ge=1, le=65_536)]


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class Normalisation:
    """Images on the 0..1 scale become (x - mean) / std; one number for each channel."""

    mean: tuple[Annotated[float, Field(ge=0, le=1)], ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]


Numbers = tuple[float, ...] | tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class SeenImages:
    """The images that a network was trained on, as it saw them: uint8 [N, size, size, channels].

    On the 0..1 scale they become (x - mean) / std; `mean` is [C], or [H, W, C] by pixel, `std` [C].
    """

    size: Count
    mean: Numbers
    std: tuple[Annotated[float, Field(gt=0)], ...]
    class_names: tuple[str, ...] = ()


# The figures torchvision documents for its pretrained networks; public CIFAR networks use them too.
IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class Origin:
    """The file a network was imported from, and how many of the network's tensors it held."""

    file: str
    sha256: str
    format: str
    tensors: int
    matched: int


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class Probed:
    """The file of images and logits that a network was found to agree with, and the largest relative difference."""

    file: str
    sha256: str
    images: int
    difference: float


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class Provenance:
    """Ends, normalisation and origin of an imported network. `normalisation` None: the data's own.

    `probed` None: nothing but the names and shapes of its tensors says that it is the network it was taken for.
    """

    channels: Count
    classes: Count
    normalisation: Normalisation | None = None
    origin: Origin | None = None
    probed: Probed | None = None

    def __post_init__(self) -> None:
        own = self.normalisation
        if own is not None and not len(own.mean) == len(own.std) == self.channels:
            raise ValueError(f"a normalisation needs one mean and std for each of the {self.channels} channels")


def provenance_from(content: object) -> Provenance:
    """Read a provenance from what JSON holds of it. Raises UserError where it is none."""
    try:
        return TypeAdapter(Provenance).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"its provenance is not valid: {where} {first['msg']}") from None


def seen_images_from(content: object) -> SeenImages:
    """Read what images a network saw from what JSON holds of it. Raises UserError where it is none."""
    try:
        return TypeAdapter(SeenImages).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(f"what it says of its images is not valid: {first['msg']}") from None


def provenance_to(provenance: Provenance) -> dict[str, object]:
    """Return a provenance as plain JSON values; `probed` is left out where it is None, as before there were probes."""
    content: dict[str, object] = TypeAdapter(Provenance).dump_python(provenance, mode="json")
    if provenance.probed is None:
        del content["probed"]
    return content


def normalisation_from(text: str) -> Normalisation | None:
    """Read the JSON of a normalisation, or `null` for the data's own. Raises UserError where it is neither."""
    try:
        return TypeAdapter(Normalisation | None).validate_json(text)
    except ValidationError:
        raise UserError("the normalisation in the file's metadata is not valid: give --normalise") from None


def normalisation_to(normalisation: Normalisation | None) -> str:
    """Return the JSON of a normalisation; `null` for the data's own."""
    return TypeAdapter(Normalisation | None).dump_json(normalisation).decode()
