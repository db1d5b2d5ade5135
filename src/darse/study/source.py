"""A finished study to the labelled rows that it was made of, read once more."""

from __future__ import annotations

from darse.data.example import LabelledData
from darse.data.load import load_labelled
from darse.errors import InputError
from darse.names import printable_path
from darse.search.result import Result


def reread(result: Result) -> LabelledData:
    """The rows of a study from where they were, split as they were.

    Raises:
        InputError: They are gone, or were changed.
    """
    settings = result.settings
    data = load_labelled(result.origin.source, settings.data, seed=settings.search.seed)
    if data.digest != result.origin.data_digest:
        raise InputError(f"{printable_path(result.origin.source)} has changed since")
    return data
