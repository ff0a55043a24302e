"""`python -m resnet_lab.networks`: the networks by name."""

from resnet_lab.listings.networks import main

if __name__ == "__main__":
    main()
