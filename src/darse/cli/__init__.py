"""The command line: one verb for each thing a user does."""

from darse.cli.main import main

__all__ = ["main"]
