"""Two plain convolutional networks for 28x28 images, without shortcuts, for comparison with a residual one."""

from collections import OrderedDict

from torch import nn


def build_mnist_cnn(*, channels: int, classes: int) -> nn.Sequential:
    """Two 5x5 convolutions, each with max-pooling, ReLU and batch norm; 8,550 parameters with 1 channel, 10 classes."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for index, outputs in enumerate((10, 20), start=1):
        modules[f"conv{index}"] = nn.Conv2d(channels, outputs, 5)
        modules[f"pool{index}"] = nn.MaxPool2d(2)
        modules[f"act{index}"] = nn.ReLU()
        modules[f"norm{index}"] = nn.BatchNorm2d(outputs)
        channels = outputs
    modules["flatten"] = nn.Flatten()
    modules["fc"] = nn.Linear(20 * 4 * 4, classes)
    return nn.Sequential(modules)


def build_mnist_cnn_deep(*, channels: int, classes: int) -> nn.Sequential:
    """Two 5x5 and two 3x3 convolutions of 32-32-64-64, each with ReLU and batch norm, dropout, a hidden layer of 256.

    232,554 parameters with 1 channel and 10 classes. Unpadded, so that 28 pixels become 24, 20, 10, 8,
    6 and 3, and the hidden layer reads 64 x 3 x 3 = 576.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for stage, (outputs, kernel) in enumerate(((32, 5), (64, 3)), start=1):
        for index in (2 * stage - 1, 2 * stage):
            modules[f"conv{index}"] = nn.Conv2d(channels, outputs, kernel)
            modules[f"act{index}"] = nn.ReLU()
            modules[f"norm{index}"] = nn.BatchNorm2d(outputs)
            channels = outputs
        modules[f"pool{stage}"] = nn.MaxPool2d(2)
        modules[f"dropout{stage}"] = nn.Dropout(0.25)
    modules["flatten"] = nn.Flatten()
    modules["fc1"] = nn.Linear(64 * 3 * 3, 256)
    modules["act5"] = nn.ReLU()
    modules["dropout3"] = nn.Dropout(0.5)
    modules["fc"] = nn.Linear(256, classes)
    return nn.Sequential(modules)
