"""Translation of tensor names between torchvision, timm and public CIFAR files, and ours."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum


class Format(StrEnum):
    """The project whose names and layout a file follows."""

    AUTO = "auto"
    RESNET_LAB = "resnet_lab"
    AKAMASTER = "akamaster"
    TORCHVISION = "torchvision"
    TIMM = "timm"


class Normalise(StrEnum):
    """How the images of an imported network are normalised."""

    AUTO = "auto"
    IMAGENET = "imagenet"
    DATA = "data"


# Left by DataParallel, torch.compile and wrappers.
_WRAPPERS = ("module.", "_orig_mod.", "model.")
# Foreign pattern -> ours. Stages count from 1 there and from 0 here.
_RULES: tuple[tuple[str, str], ...] = (
    (r"conv1\.(\w+)", r"stem.conv1.\1"),
    (r"bn1\.(\w+)", r"stem.norm1.\1"),
    (r"layer(\d)\.(\d+)\.conv(\d)\.(\w+)", r"stages.\1.\2.branch.conv\3.\4"),
    (r"layer(\d)\.(\d+)\.bn(\d)\.(\w+)", r"stages.\1.\2.branch.norm\3.\4"),
    (r"layer(\d)\.(\d+)\.(?:downsample|shortcut)\.0\.(\w+)", r"stages.\1.\2.shortcut.conv1.\3"),
    (r"layer(\d)\.(\d+)\.(?:downsample|shortcut)\.1\.(\w+)", r"stages.\1.\2.shortcut.norm1.\3"),
    (r"layer(\d)\.(\d+)\.se\.fc1\.(\w+)", r"stages.\1.\2.branch.se1.squeeze.\3"),
    (r"layer(\d)\.(\d+)\.se\.fc2\.(\w+)", r"stages.\1.\2.branch.se1.excite.\3"),
    (r"(?:fc|linear)\.(weight|bias)", r"fc.\1"),
)
# Our pattern -> foreign; {shortcut} and {head} differ between CIFAR files and torchvision's.
_BACK: tuple[tuple[str, str], ...] = (
    (r"stem\.conv1\.(\w+)", r"conv1.\1"),
    (r"stem\.norm1\.(\w+)", r"bn1.\1"),
    (r"stages\.(\d)\.(\d+)\.branch\.conv(\d)\.(\w+)", r"layer\1.\2.conv\3.\4"),
    (r"stages\.(\d)\.(\d+)\.branch\.norm(\d)\.(\w+)", r"layer\1.\2.bn\3.\4"),
    (r"stages\.(\d)\.(\d+)\.shortcut\.conv1\.(\w+)", r"layer\1.\2.{shortcut}.0.\3"),
    (r"stages\.(\d)\.(\d+)\.shortcut\.norm1\.(\w+)", r"layer\1.\2.{shortcut}.1.\3"),
    (r"stages\.(\d)\.(\d+)\.branch\.se1\.squeeze\.(\w+)", r"layer\1.\2.se.fc1.\3"),
    (r"stages\.(\d)\.(\d+)\.branch\.se1\.excite\.(\w+)", r"layer\1.\2.se.fc2.\3"),
    (r"fc\.(weight|bias)", r"{head}.\1"),
)
_PARTS = {
    Format.AKAMASTER: {"shortcut": "shortcut", "head": "linear"},
    Format.TORCHVISION: {"shortcut": "downsample", "head": "fc"},
    Format.TIMM: {"shortcut": "downsample", "head": "fc"},
}
# torchvision's DenseNet files of 2017 put a dot into names of two parts.
_OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


def bare(names: Iterable[str]) -> dict[str, str]:
    """Return {name: name without the wrappers that every name carries}."""
    stripped = {name: name for name in names}
    for _ in range(len(_WRAPPERS)):
        for wrapper in _WRAPPERS:
            if stripped and all(name.startswith(wrapper) for name in stripped.values()):
                stripped = {name: inner.removeprefix(wrapper) for name, inner in stripped.items()}
    return stripped


def to_ours(name: str) -> str | None:
    """Return our name of a tensor of a foreign ResNet, or None for one that no rule knows."""
    for pattern, ours in _RULES:
        match = re.fullmatch(pattern, name)
        if match:
            return _shift(match.expand(ours), "stages.", -1)
    return None


def to_foreign(name: str, style: Format) -> str | None:
    """Return the name one of our tensors has in another project's files, or None where it has none."""
    for pattern, foreign in _BACK:
        match = re.fullmatch(pattern, name)
        if match:
            return _shift(match.expand(foreign).format(**_PARTS[style]), "layer", 1)
    return None


def translate(names: Mapping[str, str]) -> dict[str, str]:
    """Return {a file's name: ours} from {a file's name: its bare name}, for those that have one of ours.

    No two get the same. Our DenseNets and VGGs have torchvision's names, so each of theirs is one of ours.
    """
    kept = is_densenet(names.values()) or is_vgg(names.values())
    translated: dict[str, str] = {}
    for name, inner in names.items():
        ours = _OLD_DENSE.sub(r"\1\2.", inner) if kept else to_ours(inner)
        if ours is not None and ours not in translated.values():
            translated[name] = ours
    return translated


def is_densenet(names: Iterable[str]) -> bool:
    """Whether bare names are those of a DenseNet of torchvision's."""
    return "features.conv0.weight" in names


def is_vgg(names: Iterable[str]) -> bool:
    """Whether bare names are those of a VGG of torchvision's."""
    return {"features.0.weight", "classifier.0.weight"} <= set(names)


def _shift(name: str, before: str, by: int) -> str:
    """Add to the number of the stage that follows `before`, if there is one."""
    return re.sub(rf"^{re.escape(before)}(\d+)", lambda match: f"{before}{int(match[1]) + by}", name)
