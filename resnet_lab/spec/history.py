"""History of the fields: what a run meant when it was recorded, where the same fields mean something else today.

An old trial must never be taken for a run of today that trains or tests another network. Three things have changed:

- `recipe.effective_test` did not exist: all blocks were tested unscaled. So among runs with effective_blocks,
  `unscaled` goes unnamed in a fingerprint (old trials are its trials), and the other values are named, default or not.
- `recipe.warmup=auto` was constant from depth 110 on in every family; it is now so in a cifar_resnet alone. Other runs
  that it touches have a revision in their fingerprint; read from an old record, their `auto` is `constant`, as trained.
- `mnist_cnn_deep` had no batch norms. It has a revision in its fingerprint; an old checkpoint does not fill it.
"""

from collections.abc import Mapping
from typing import Any

from resnet_lab.spec.choices import EffectiveTest, ModelName, Value, Warmup
from resnet_lab.spec.run_spec import RunSpec

WARMUP_DEPTH = 110  # He et al. 2015, section 4.2: 0.1 is slightly too large for the 110-layer net to start with
_EFFECTIVE = "recipe.effective_test"
_WARMUP_BY_FAMILY = "warmup_by_family"
_NORMS_OF_DEEP_CNN = "norms_of_deep_cnn"


def unnamed_then(spec: RunSpec) -> dict[str, Value]:
    """Return the values that a run of this kind had before their fields existed, where they are not the defaults."""
    return {_EFFECTIVE: EffectiveTest.UNSCALED.value} if spec.recipe.effective_blocks else {}


def revisions(spec: RunSpec) -> list[str]:
    """Return the names of the changes since which these fields make another run than before."""
    model, recipe = spec.model, spec.recipe
    touched = recipe.warmup == Warmup.AUTO and _warmed_up_then(model.name, model.depth)
    changed = {
        _WARMUP_BY_FAMILY: touched and recipe.warmup_iterations > 0,
        _NORMS_OF_DEEP_CNN: model.name == ModelName.MNIST_CNN_DEEP,
    }
    return [name for name, applies in changed.items() if applies]


def as_recorded(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded run's fields with what they meant when they were recorded.

    A record holds every field of its time, so one without `recipe.effective_test` is from before both changes.
    """
    if _EFFECTIVE in flat or "recipe.warmup" not in flat:
        return dict(flat)
    then = dict(flat)
    if flat.get("recipe.effective_blocks"):
        then[_EFFECTIVE] = EffectiveTest.UNSCALED.value
    if flat["recipe.warmup"] == Warmup.AUTO and _warmed_up_then(flat.get("model.name"), flat.get("model.depth", 0)):
        then["recipe.warmup"] = Warmup.CONSTANT.value
    return then


def _warmed_up_then(name: object, depth: object) -> bool:
    """Whether `auto` warmed up a family that it does not warm up now."""
    return isinstance(depth, int) and depth >= WARMUP_DEPTH and name != ModelName.CIFAR_RESNET
