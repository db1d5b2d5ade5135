"""Arguments to a verb, and every error to one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

import click
import typer

from darse.cli import environment, verbs
from darse.errors import DarseError, Interrupted


def main() -> None:
    """Run the command line and exit: 0 ok, 1 a gate failed, 2 bad input, 3 store, 4 internal, 130/143 signals."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line.

    Args:
        arguments: What follows the program's name.

    Returns:
        The exit code.
    """
    environment.prepare()
    wants_trace = "--debug" in arguments
    try:
        command = typer.main.get_command(verbs.app)
        code = command.main([one for one in arguments if one != "--debug"], prog_name="darse", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        return _complain("stopped; run the same command again to continue", 130)
    except Interrupted as error:
        return _complain(f"{error}; run the same command again to continue", error.exit_code)
    except DarseError as error:
        if wants_trace:
            traceback.print_exc()
        return _complain(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost place; everything else is a defect of ours
        if wants_trace:
            traceback.print_exc()
        return _complain(f"internal error: {type(error).__name__}: {error}; add --debug for the place", 4)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    print(f"darse: {' '.join(message.split())}", file=sys.stderr)
    return code
