"""`python -m studies.search` is no command, and says which one to use."""

from resnet_lab.errors import refer

if __name__ == "__main__":
    refer("studies.search", "python -m studies.NAME --search tpe")
