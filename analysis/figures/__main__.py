"""`python -m analysis.figures` is no command, and says which one to use."""

from resnet_lab.errors import refer

if __name__ == "__main__":
    refer("analysis.figures", "python -m analysis.report")
