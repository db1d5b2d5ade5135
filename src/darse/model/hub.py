"""The name of a repository of the hub to a folder with some of its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darse.errors import ModelError
from darse.names import first_line, printable_path


def download(name: str, patterns: Sequence[str], what: str, remedy: str) -> Path:
    """Some files of a repository of the hub, to their folder here.

    Args:
        name: Of the repository.
        patterns: Which files.
        what: What is looked for, for the error.
        remedy: What to do else, for the error.

    Raises:
        ModelError: The hub does not give it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"{printable_path(name)!r} is neither a local folder nor {what} that the hub gives us "
            f"({first_line(error)}); {remedy}"
        ) from error
