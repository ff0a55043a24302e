"""`python -m analysis.paths` is no command, and says which one to use."""

from resnet_lab.errors import refer

if __name__ == "__main__":
    refer("analysis.paths", "python -m analysis.path_length")
