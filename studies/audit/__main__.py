"""`python -m studies.audit` is no command, and says which one to use."""

from resnet_lab.errors import refer

if __name__ == "__main__":
    refer("studies.audit", "python -m studies.NAME --dry-run")
