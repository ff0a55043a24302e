"""`python -m ablations`: the switches of a block."""

from resnet_lab.listings.switches import main

if __name__ == "__main__":
    main()
