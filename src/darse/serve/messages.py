"""What comes in and goes out over HTTP, as the published schema says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

_ID = Field(
    min_length=1,
    max_length=128,
    pattern=r"^[!-~]+$",
    description="Names the text: for feedback, and a text with the same id always meets the same adapter.",
)

_Text = Annotated[str, Field(min_length=1, description="What is scored.")]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Item(_Message):
    """One text."""

    text: _Text
    target: Annotated[str | None, Field(description="Whose sentiment is meant; for adapters trained with targets.")] = (
        None
    )
    id: Annotated[str | None, _ID] = None


def _kind_of_text(given: object) -> str:
    return "text_only" if isinstance(given, str) else "item"


class ScoreMany(_Message):
    """Many texts; one without target and id can be a plain string."""

    texts: Annotated[
        list[
            Annotated[Annotated[Item, Tag("item")] | Annotated[_Text, Tag("text_only")], Discriminator(_kind_of_text)]
        ],
        Field(min_length=1),
    ]


def _kind_of_body(given: object) -> str:
    return "many" if "texts" in (given if isinstance(given, dict) else ()) else "one"


ScoreBody = Annotated[Annotated[Item, Tag("one")] | Annotated[ScoreMany, Tag("many")], Discriminator(_kind_of_body)]


class Scored(_Message):
    """What an adapter says of one text."""

    id: Annotated[str, Field(description="As given, or a new one.")]
    label: Annotated[str | None, Field(description="The most probable class.")] = None
    score: Annotated[float | None, Field(description="In the units of the training scores.")] = None
    probabilities: Annotated[Mapping[str, float], Field(description="By class.")]
    adapter: Annotated[str, Field(description="Name of the adapter that said so.")]
    digest: Annotated[str, Field(description="SHA-256 of its manifest.")]
    served_as: Annotated[Literal["prod", "canary"], Field(description="The label under which it answered.")]


class ScoreAnswer(_Message):
    """The scores, in the order of the texts."""

    results: list[Scored]


class FeedbackBody(_Message):
    """What was true of a text."""

    id: Annotated[str, _ID]
    label: Annotated[str | None, Field(min_length=1, max_length=256, description="Its class.")] = None
    score: Annotated[float | None, Field(allow_inf_nan=False, description="In the units of the training scores.")] = (
        None
    )


class FeedbackAnswer(_Message):
    """What was kept."""

    id: str


class ModelCard(_Message):
    """An adapter that can be labelled."""

    name: str
    labels: Annotated[list[str], Field(description="Of prod, canary and previous.")]
    digest: Annotated[str | None, Field(description="SHA-256 of the manifest in its folder; null if that is damaged.")]
    profile: str | None
    classes: list[str]
    has_score: bool
    has_target: bool


class Labelled(_Message):
    """An adapter under a label, as it answers now."""

    name: str
    digest: str


class Labels(_Message):
    """Which adapters answer."""

    prod: Labelled
    canary: Labelled | None
    percent: Annotated[float, Field(description="Part of the texts that the canary answers, 0 to 100.")]
    shadow: Annotated[bool, Field(description="Whether the canary answers nobody and is only compared with prod.")]
    previous: Annotated[Labelled | None, Field(description="What a rollback brings back.")]


class ModelsAnswer(_Message):
    """Every adapter, and which ones answer."""

    labels: Labels
    models: list[ModelCard]


class ProdBody(_Message):
    """The adapter that is to answer."""

    name: Annotated[str, Field(min_length=1, max_length=255, description="Of a folder among the adapters.")]


class CanaryBody(ProdBody):
    """The adapter that is to be tried."""

    percent: Annotated[float, Field(ge=0, le=100, description="Of the texts that it answers.")] = 0.0
    shadow: Annotated[bool, Field(description="Let it score what prod answers; nobody sees that.")] = False


class ProblemDetail(_Message):
    """What is wrong."""

    status: int
    message: str


class Problem(_Message):
    """What every answer but a good one says."""

    error: ProblemDetail
