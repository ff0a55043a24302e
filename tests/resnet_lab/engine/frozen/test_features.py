"""Kept features: computed once, and a head trained on them as one trained through the frozen network."""

import pytest
import torch

from resnet_lab.data.load import load
from resnet_lab.engine import session as session_module
from resnet_lab.engine.session import Session
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = replace(TINY, {"recipe.trained": "head", "recipe.augmentation": "none", "recipe.precision": "fp32"})


def trained(spec: RunSpec) -> tuple[Session, list[float]]:
    session = Session(spec, load(spec.data), torch.device("cpu"))
    losses = []
    while not session.done:
        record = session.run_epoch()
        losses += [record.train_loss, record.val_loss]
    return session, losses


def test_the_head_is_trained_as_through_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, losses = trained(SPEC)
    assert kept.mode == "eager: on kept features"
    monkeypatch.setattr(session_module, "are_frozen", lambda _: False)
    through, expected = trained(SPEC)
    assert through.mode == "eager"
    assert losses == pytest.approx(expected, rel=1e-4)
    for name, tensor in through.model.state_dict().items():
        torch.testing.assert_close(kept.model.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)
    assert kept.test().wrong == through.test().wrong


def test_each_image_passes_the_backbone_once() -> None:
    session = Session(SPEC, load(SPEC.data), torch.device("cpu"))
    seen: list[int] = []
    session.model.stem.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    while not session.done:
        session.run_epoch()
    data = session.data
    assert session.epoch == 3
    assert sum(seen) == len(data.train) + len(data.val)
    session.test()
    assert sum(seen) == len(data.train) + len(data.val) + len(data.test)


def test_augmented_images_have_no_features_to_keep() -> None:
    spec = replace(SPEC, {"recipe.augmentation": "flip"})
    assert Session(spec, load(spec.data), torch.device("cpu")).features is None
