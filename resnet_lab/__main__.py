"""`python -m resnet_lab`: its commands."""

from resnet_lab.listings.commands import main

COMMANDS = {
    "evaluate": "loss, accuracy, confusion matrix and calibration of a trained network",
    "summary": "layers, operations, parameters, FLOPs and depth of a network",
    "interchange": "checkpoints of torchvision, timm and public CIFAR code, in and out",
    "networks": "the networks by name, with parameters, depth and source",
    "data": "the data sets, with size, classes and whether they are at hand; `data show NAME` draws one",
    "recipes": "the recipe presets, with length, fields and sources",
    "train": "one network, with any spec by dotted names, trained as a study trains its trials",
}
"""What each command does, by its name."""

if __name__ == "__main__":
    main("resnet_lab", COMMANDS)
