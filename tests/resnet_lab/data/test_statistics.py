"""Mean, standard deviation and digest of images."""

from hashlib import sha256

import numpy as np
import pytest

from resnet_lab.data.raw import RawImages
from resnet_lab.data.statistics import digest, mean_and_std, normalisation
from resnet_lab.spec import DatasetName, NormaliseKind


@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (2501, 4, 4, 3)])
def test_mean_and_std_agree_with_numpy(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    mean, std = mean_and_std(pixels)
    np.testing.assert_allclose(mean, (pixels / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (pixels / 255).std((0, 1, 2)), rtol=1e-12)


def test_white_images_do_not_overflow() -> None:
    mean, std = mean_and_std(np.full((1000, 2, 2, 1), 255, dtype=np.uint8))
    assert mean == [1.0]
    assert std == [1.0], "a constant channel is divided by 1"


def test_the_digest_covers_pixels_and_labels_whatever_the_memory_layout() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    labels = np.array([3, 1])
    expected = sha256(bytes(range(24)) + b"\3" + bytes(7) + b"\1" + bytes(7)).hexdigest()
    assert digest((RawImages(pixels, labels),)) == expected
    assert digest((RawImages(np.asfortranarray(pixels), labels),)) == expected
    assert digest((RawImages(pixels, labels + 1),)) != expected


def test_fixed_constants_are_those_that_are_written_down_whatever_the_images() -> None:
    black = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    for name, channels, mean, std in (
        ("mnist", 1, [0.1307], [0.3081]),
        ("mnist", 3, [0.1307] * 3, [0.3081] * 3),
        ("cifar10", 3, [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
    ):
        found = normalisation(black[..., :channels], NormaliseKind.FIXED, DatasetName(name))
        assert [each.tolist() for each in found] == [mean, std]


def test_measured_is_another_word_for_by_channel() -> None:
    assert NormaliseKind("measured") == NormaliseKind.CHANNEL
