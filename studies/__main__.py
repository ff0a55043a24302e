"""`python -m studies`: every study, or one of them by its name."""

import sys

from studies.cli.listing import main

if __name__ == "__main__":
    main(sys.argv[1:])
