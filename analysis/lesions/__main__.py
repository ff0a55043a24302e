"""`python -m analysis.lesions` is no command, and says which one to use."""

from resnet_lab.errors import refer

if __name__ == "__main__":
    refer("analysis.lesions", "python -m analysis.block_deletion")
