"""`python -m darse`: the command line."""

from darse.cli import main

if __name__ == "__main__":
    main()
