"""The exceptions of DARSE, each with the exit code that the command line gives it.

DarseError                  exit 4  something inside went wrong
├── InputError              exit 2  bad input: the user can mend it
│   ├── DataError                   a labelled file, with its line
│   ├── ModelError                  a base model
│   ├── PlanError                   a rank plan or a budget
│   ├── AdapterError                an exported adapter
│   └── SettingsError               settings, all their problems at once
├── MissingExtraError       exit 2  an optional part is not installed
├── StoreError              exit 3  the store cannot be read or written
│   ├── CorruptStoreError           a row or an artifact fails its digest
│   └── StaleLeaseError             a worker lost its trial to another
├── TrialError              exit 4  a trial could not be scored
└── Interrupted             exit 130 or 143  Ctrl-C or SIGTERM; a study can be continued
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class DarseError(Exception):
    """Root of all exceptions raised on purpose by this package."""

    exit_code = 4


class InputError(DarseError):
    """Something given from outside is wrong; the message says what, the value, the limit and the remedy."""

    exit_code = 2


class DataError(InputError):
    """A labelled file cannot be used.

    Args:
        message: What is wrong and how to mend it, one line.
        path: The file, if there is one.
        line: The line in the file, counted from 1, if one is to blame.
    """

    def __init__(self, message: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        where = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(where + message)
        self.reason = message
        self.path = path
        self.line = line


class ModelError(InputError):
    """A base model cannot be loaded or has no place for an adapter."""


class PlanError(InputError):
    """A rank plan or a budget is impossible for the model."""


class AdapterError(InputError):
    """An exported adapter is damaged, incomplete or belongs to another base model."""


class SettingsError(InputError):
    """One or more settings are wrong; all are named together."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class MissingExtraError(DarseError):
    """An optional part is not installed.

    Args:
        package: The Python package that is missing.
        extra: The extra of this project that brings it.
        otherwise: What to do where no package can be installed.
    """

    exit_code = 2

    def __init__(self, package: str, extra: str, otherwise: str) -> None:
        super().__init__(
            f"{package} is not installed; run: pip install {package} (in the repository: pip install '.[{extra}]'), "
            f"{otherwise}"
        )


class StoreError(DarseError):
    """The store cannot be opened, read or written."""

    exit_code = 3


class CorruptStoreError(StoreError):
    """A stored row or artifact does not match its digest."""


class StaleLeaseError(StoreError):
    """A worker tried to write a trial that another worker holds by now."""


class TrialError(DarseError):
    """A trial could not be scored, for example because its loss became infinite."""


class Interrupted(DarseError):  # noqa: N818 - it is a wish of the user, not an error
    """The user asked to stop; everything finished is stored.

    Args:
        signal_number: The signal that asked, for the exit code 128 + number.
        advice: What to do, or what was left, if there is anything to say.
    """

    def __init__(self, signal_number: int, advice: str = "") -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.exit_code = 128 + signal_number
        self.advice = advice
