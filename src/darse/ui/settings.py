"""Every setting of the pages, checked once, with the reason for each default."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError

from darse.errors import SettingsError
from darse.settings import as_option, explained
from darse.web.settings import WebSettings


class UiSettings(WebSettings):
    """What the pages have beside what every server has."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Not that of `darse serve`, so that both run side by side."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1 << 17
    """Room for a text of the longest that a form takes, encoded."""
    max_held_bytes: Annotated[int, Field(ge=1024)] = 8 << 20
    """People fill in forms one at a time."""
    shutdown_s: Annotated[int, Field(ge=1, le=600)] = 4
    """Streams end by themselves in a second."""
    max_characters: Annotated[int, Field(ge=1, le=20_000)] = 10_000
    """Of a text to try; a model reads far fewer."""
    max_streams: Annotated[int, Field(ge=0, le=1000)] = 32
    """Pages of running studies that follow at the same time; one more is told to reload instead."""
    poll_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Seconds between two looks at a running study; each costs milliseconds and waits for no writer."""
    wait_s: Annotated[float, Field(gt=0, le=60)] = 0.4
    """Seconds that a page sums up what servers answered; what is left is summed by the next one."""


def ui_settings(options: dict[str, object]) -> UiSettings:
    """Settings from options; None means the default.

    Raises:
        SettingsError: An option is wrong; all are named together.

    >>> ui_settings({"port": 9000, "host": None}).port
    9000
    """
    try:
        return UiSettings.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise SettingsError([explained(problem, as_option) for problem in error.errors()]) from error
