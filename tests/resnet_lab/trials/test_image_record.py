"""The record of which test images a trial's network got right."""

import numpy as np
import pytest

from resnet_lab.trials import image_record
from resnet_lab.trials.image_record import FILE


@pytest.mark.parametrize("images", [1, 8, 9, 360])
def test_what_is_written_is_read(tmp_path, images):
    correct = np.random.default_rng(images).random(images) < 0.7
    image_record.write(tmp_path, correct)
    assert (tmp_path / FILE).stat().st_size == -(-images // 8)
    assert np.array_equal(image_record.read(tmp_path, images, int((~correct).sum())), correct)


def test_no_record_a_damaged_one_and_that_of_another_test_are_none(tmp_path):
    assert image_record.read(tmp_path, 16, 0) is None
    image_record.write(tmp_path, np.ones(16, dtype=bool))
    assert image_record.read(tmp_path, 16, 1) is None
    assert image_record.read(tmp_path, 17, 1) is None
    (tmp_path / FILE).write_bytes(b"\x00\x00")
    assert image_record.read(tmp_path, 16, 16) is None
