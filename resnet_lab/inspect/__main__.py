"""`python -m resnet_lab.inspect` is no command, and says which one to use."""

from resnet_lab.errors import refer

if __name__ == "__main__":
    refer("resnet_lab.inspect", "python -m resnet_lab.summary")
