"""Every setting of a server, checked once, with the reason for each default."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from darse.errors import SettingsError
from darse.settings import as_option, explained
from darse.web.settings import WebSettings


class ServeSettings(WebSettings):
    """What a server of scores has beside what every server has."""

    max_texts: Annotated[int, Field(ge=1)] = 64
    """More is a file for `darse score`; here it would make everybody else wait."""
    max_characters: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Of a text; a model reads far fewer."""
    max_waiting: Annotated[int, Field(ge=1)] = 512
    """Texts that wait at the most, of all requests; one more is told to come back. A second or two of work."""
    batch_texts: Annotated[int, Field(ge=1)] = 32
    """Texts that go through the model together at the most: what comes later waits for so many."""
    deadline_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Seconds that a request waits for its scores."""

    keep_texts: bool = False
    """Whether the log keeps texts; digest, length and answer are always kept."""
    keep_days: Annotated[float, Field(gt=0, le=3650)] = 30.0
    """How long the log keeps a row."""

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.max_waiting < self.max_texts:
            raise ValueError(
                f"[max_waiting] is {self.max_waiting}, below the {self.max_texts} texts of a request; raise it"
            )
        return self


def serve_settings(options: dict[str, object]) -> ServeSettings:
    """Settings from options; None means the default.

    Raises:
        SettingsError: An option is wrong; all are named together.

    >>> serve_settings({"port": 9000, "host": None}).port
    9000
    """
    try:
        return ServeSettings.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise SettingsError([explained(problem, as_option) for problem in error.errors()]) from error
