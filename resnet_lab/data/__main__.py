"""`python -m resnet_lab.data`: the data sets; `python -m resnet_lab.data show DATASET`: a picture of one."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["show"]:
        from analysis.show_data import main as show

        show(sys.argv[2:])
    else:
        from resnet_lab.listings.datasets import main

        main()
