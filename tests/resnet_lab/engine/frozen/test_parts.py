"""Frozen parts: no weight and no statistic of them moves, and only what is trained does."""

import pytest
import torch
from torch import nn

from resnet_lab.data.load import load
from resnet_lab.engine.frozen.parts import freeze
from resnet_lab.engine.session import Session
from resnet_lab.errors import RefusedError
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.fields import replace
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")


def moved(trained: str) -> set[str]:
    """Return which tensors of a network four steps of training change."""
    spec = replace(TINY, {"recipe.trained": trained, "model.head": "hidden", "recipe.augmentation": "flip"})
    session = Session(spec, load(spec.data), torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in session.model.state_dict().items()}
    session.run_steps(4)
    after = session.model.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_frozen_backbone_stands_still_in_every_tensor() -> None:
    assert {name.split(".")[0] for name in moved("head")} == {"fc"}


def test_norms_may_be_trained_with_their_statistics() -> None:
    names = moved("head_norms")
    model = build_network(ModelSpec(depth=8, width=4, head="hidden"), channels=1)
    norms = {name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert {name.rpartition(".")[0] for name in names if not name.startswith("fc.")} == norms
    assert any(name.endswith("running_mean") for name in names)


def test_the_last_stage_may_be_trained() -> None:
    names = moved("last_stage")
    assert {name.split(".")[0] for name in names} == {"stages", "fc"}
    assert {name.split(".")[1] for name in names if name.startswith("stages")} == {"2"}


@pytest.mark.parametrize(
    ("fields", "trained"),
    [
        ({"name": "densenet121"}, {"features.denseblock4", "features.norm5", "classifier"}),
        ({"name": "densenet_bc", "depth": 10}, {"stages.2", "head.norm1", "fc"}),
    ],
)
def test_the_last_stage_of_a_dense_net_is_its_last_dense_block(fields: dict[str, object], trained: set[str]) -> None:
    with torch.device("meta"):
        model = build_network(ModelSpec(**fields))
    freeze(model, replace(RunSpec(), {f"model.{name}": value for name, value in fields.items()} | LAST_STAGE))
    free = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert {next(part for part in trained if name.startswith(part)) for name in free} == trained
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert not any(name.startswith(part) for name in frozen for part in trained)


LAST_STAGE = {"recipe.trained": "last_stage"}


def test_a_network_without_stages_has_no_last_one() -> None:
    spec = replace(RunSpec(), {"model.name": "vgg15_bn", **LAST_STAGE})
    with torch.device("meta"):
        model = build_network(spec.model)
    with pytest.raises(RefusedError, match="has no stages"):
        freeze(model, spec)


def test_a_network_without_a_head_is_not_trained() -> None:
    spec = replace(TINY, {"model.head": "none", "recipe.trained": "head"})
    with pytest.raises(RefusedError, match="gives features"):
        Session(spec, load(spec.data), torch.device("cpu"))
