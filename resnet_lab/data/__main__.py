"""`python -m resnet_lab.data`: the data sets."""

from resnet_lab.listings.datasets import main

if __name__ == "__main__":
    main()
