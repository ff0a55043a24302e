"""`python -m studies.plan`: how many seeds an effect takes."""

from studies.cli.power import main

if __name__ == "__main__":
    main()
