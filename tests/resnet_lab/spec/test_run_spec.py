"""What a run refuses of its images: fields that have no meaning there, each with the remedy."""

import pytest

from resnet_lab.errors import RefusedError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data.rgb": True}, r"cifar10 has colours: rgb=true repeats grey images, those of digits, fashion_mnist"),
        ({"data.name": "oxford_pets", "data.trainval": True}, r"trainval=true is read by sets with a fixed split"),
        ({"data.name": "digits", "data.normalise": "fixed"}, r"the digits have no constants"),
        ({"data.trainval": True, "recipe.schedule": "plateau"}, r"choose by their error: leave trainval out"),
        ({"data.trainval": True, "recipe.select": "best_validation"}, r"choose by their error: leave trainval out"),
    ],
)
def test_images_refuse_what_has_no_meaning_there(changes, sentence):
    with pytest.raises(RefusedError, match=sentence):
        replace(RunSpec(), changes)


def test_measured_is_read_as_by_channel():
    assert replace(RunSpec(), {"data.normalise": "measured"}) == RunSpec()
