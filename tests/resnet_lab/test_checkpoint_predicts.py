"""Prediction: a checkpoint knows how its images were normalised, and refuses others."""

import numpy as np
import pytest
import torch

from resnet_lab.checkpoint import load_model, save_model
from resnet_lab.data.load import load
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.provenance import Normalisation, Provenance
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

TINY = replace(RunSpec(), {"model.depth": 8, "model.width": 4, "data.name": "digits", "recipe.iterations": 9})


def kept(folder, spec, **more):
    data = load(spec.data).normalised(spec.data.normalise)
    model = build_network(spec.model, channels=1)
    initialise(model, spec.seed)
    model.train()(torch.rand(9, 1, 8, 8))
    save_model(folder, spec, model, images=data.seen, **more)
    return load_model(str(folder)), data


@pytest.mark.parametrize("how", ["channel", "per_pixel", "none"])
def test_predictions_are_the_networks_on_images_normalised_as_in_training(tmp_path, how):
    spec = replace(TINY, {"data.normalise": how})
    checkpoint, data = kept(tmp_path, spec)
    pixels = data.test.pixels.numpy()
    seen = (pixels / 255 - data.mean.numpy()) / data.std.numpy()
    with torch.no_grad():
        expected = checkpoint.model(torch.tensor(seen, dtype=torch.float32).permute(0, 3, 1, 2)).softmax(1).numpy()
    shares = checkpoint.predict_proba(pixels[..., 0])
    assert shares.shape == (360, 10)
    assert np.allclose(shares, expected, atol=1e-5)
    assert (shares.argmax(1) == checkpoint.predict(pixels)).all()


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((2, 8, 8, 1)), "are float64, and the network was trained on uint8"),
        (np.zeros((2, 9, 9, 1), np.uint8), r"are \[2, 9, 9, 1\], and the network was trained on uint8 \[N, 8, 8, 1\]"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"\[2, 8, 8, 3\]"),
        (np.zeros((8, 8), np.uint8), r"\[8, 8\]"),
        (np.zeros((0, 8, 8, 1), np.uint8), "there are no images"),
    ],
)
def test_other_images_are_refused(tmp_path, images, said):
    checkpoint, _ = kept(tmp_path, TINY)
    with pytest.raises(UserError, match=said):
        checkpoint.predict(images)


def test_an_imported_network_predicts_by_its_own_normalisation_or_says_that_it_has_none(tmp_path):
    model = build_network(TINY.model, channels=1)
    initialise(model, 0)
    own = Normalisation(mean=(0.5,), std=(0.25,))
    images = np.zeros((3, 8, 8), np.uint8)
    save_model(tmp_path, TINY, model, Provenance(channels=1, classes=10, normalisation=own))
    found = load_model(tmp_path)
    expected = found.model(torch.full((3, 1, 8, 8), -2.0)).softmax(1)
    assert np.allclose(found.predict_proba(images), expected.detach().numpy(), atol=1e-6)
    save_model(tmp_path, TINY, model, Provenance(channels=1, classes=10))
    with pytest.raises(UserError, match="does not hold how its images were normalised"):
        load_model(tmp_path).predict(images)
