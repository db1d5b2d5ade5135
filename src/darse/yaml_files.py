"""A YAML file to the model that it has to fit, or to one error that names every problem."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from darse.errors import InputError, SettingsError
from darse.names import printable
from darse.settings import explained

_MAX_BYTES = 1 << 18
_MAX_DEPTH = 10
_LONGEST = 300
"""Characters of what is said of one problem."""


class Part(BaseModel):
    """What a part of a file may hold: nothing that is not asked for, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Model = TypeVar("Model", bound=Part)


def read_yaml(path: Path, model: type[Model], what: str, *, secret: Collection[str] = ()) -> Model:
    """What a YAML file says, checked.

    Args:
        path: The file.
        model: What it has to fit.
        what: What such a file holds, several of them, for errors: "rules".
        secret: Parts of the top level of which nothing that was given is shown.

    Raises:
        InputError: The file cannot be read, or is no YAML.
        SettingsError: A part is wrong; all problems are named together.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path} is larger than {_MAX_BYTES} bytes; these are no {what}")
    try:
        _check_events(path, content, what)
        values = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no YAML: {printable(' '.join(str(error).split()), 160)}") from error
    if not isinstance(values, dict):  # nothing of it is shown: any file may have been named
        raise InputError(f"{path} is no table of names and values; these are no {what}")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingsError([f"{path}: {_told(problem, secret)}" for problem in error.errors()]) from error


def _check_events(path: Path, content: bytes, what: str) -> None:
    """Refuse what grows when it is read, or takes the parser for ever."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{path} refers to its own parts (*name); write them out")
        if depth > _MAX_DEPTH:
            raise InputError(f"{path} has parts {depth} deep in one another; {what} need no more than {_MAX_DEPTH}")


def _told(problem: ErrorDetails, secret: Collection[str]) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if any(place.startswith(name) for name in secret):
        return f"{place}: {problem['msg']}"
    told = printable(explained(problem, str), _LONGEST)
    return f"{place}: {told}" if place else told
