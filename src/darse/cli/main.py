"""Arguments to a verb, and every error to one line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback

import typer
from pydantic import ValidationError
from typer.exceptions import TyperException

from darse import environment
from darse.cli import verbs
from darse.errors import DarseError, Interrupted
from darse.names import printable
from darse.settings import wanted

_MESSAGE_LENGTH = 10_000
_SIGNALS = {130: "Ctrl-C", 143: "SIGTERM"}


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
    environment.prepare_command()
    _escape_what_cannot_be_said()
    wants_trace = "--debug" in arguments
    try:
        command = typer.main.get_command(verbs.app)
        given = [one for one in arguments if one != "--debug"] or ["--help"]
        code = command.main(given, prog_name="darse", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except typer.Exit as error:
        return error.exit_code
    except TyperException as error:
        return _complain(_explained(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("stopped by Ctrl-C", 130)
    except Interrupted as error:
        stopped = f"stopped by {_SIGNALS[error.exit_code]}"
        return _complain(f"{stopped}; {error.advice}" if error.advice else stopped, error.exit_code)
    except DarseError as error:
        if wants_trace:
            traceback.print_exc()
        return _complain(str(error), error.exit_code)
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        _drop_output()
        return 0
    except OSError as error:
        if error.errno in {errno.ENAMETOOLONG, errno.ELOOP}:
            return _complain(f"{printable(str(error.filename), 60)}: {error.strerror}; give another name", 2)
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
            return _complain_of_defect(error, wants_trace)
        _drop_output()
        return _complain(f"cannot write: {error.strerror}; free some room", 3)
    except Exception as error:  # noqa: BLE001 - the outermost place; everything else is a defect of ours
        return _complain_of_defect(error, wants_trace)
    return code if isinstance(code, int) else 0


def _escape_what_cannot_be_said() -> None:
    """Characters that a terminal's encoding lacks are escaped; output never ends a command that went well."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Send to nowhere what is still in memory, which Python would write once more when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explained(error: TyperException) -> str:
    """The error with the name of the option or argument that it is about, and of the verb whose help has more."""
    place = getattr(getattr(error, "ctx", None), "command_path", "darse")
    names, cause = getattr(getattr(error, "param", None), "opts", None), error.__cause__
    if names and isinstance(cause, ValidationError) and (told := wanted(cause.errors()[0])) is not None:
        return f"{names[0]} {told}; see: {place} --help"
    explain = getattr(error, "format_message", None)
    said = str(explain() if callable(explain) else error).rstrip(".").replace("Value error, ", "")
    return f"{said}; see: {place} --help"


def _complain_of_defect(error: Exception, wants_trace: bool) -> int:
    if wants_trace:
        traceback.print_exc()
    return _complain(f"internal error: {type(error).__name__}: {error}; add --debug for the place", 4)


def _complain(message: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print(f"darse: {printable(' '.join(message.split()), _MESSAGE_LENGTH)}", file=sys.stderr)
    return code
