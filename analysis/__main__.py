"""`python -m analysis`: its commands."""

from resnet_lab.listings.commands import main

COMMANDS = {
    "report": "a study's page, tables and figures, written again from its trials",
    "block_deletion": "what a trained network does without some of its blocks: lesions",
    "path_length": "through how many blocks a trained network's gradient flows",
    "landscape": "how the loss rises around a trained network, and the gradient of each layer",
    "show_data": "a picture of a data set: `python -m resnet_lab.data show`",
}
"""What each command does, by its name."""

if __name__ == "__main__":
    main("analysis", COMMANDS)
