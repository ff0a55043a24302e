"""DenseNet-121 is torchvision's, for any channels and classes."""

import pytest
import torch
import torchvision

from resnet_lab.networks.build import count_parameters


@pytest.mark.parametrize(("classes", "parameters"), [(10, 6_964_106), (1000, 7_978_856)])
def test_it_has_the_published_parameters(build, classes, parameters):
    with torch.device("meta"):
        assert count_parameters(build("densenet121", classes=classes)) == parameters


def test_it_takes_torchvisions_tensors_by_name_and_gives_its_outputs(build):
    theirs = torchvision.models.densenet121(num_classes=10).eval()
    ours = build("densenet121").eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-5)


def test_the_first_convolution_follows_the_channels(build):
    with torch.device("meta"):
        one, three = build("densenet121", channels=1), build("densenet121")
    assert count_parameters(three) - count_parameters(one) == 2 * 64 * 7 * 7
