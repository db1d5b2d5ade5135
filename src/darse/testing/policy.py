"""A YAML file to what a gate asks of a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from darse.settings import read_budget
from darse.testing.matrix_file import MetricName, Name
from darse.testing.quality import LOWER_IS_BETTER
from darse.yaml_files import Part, read_yaml

Mode = Literal["not_worse", "regression"]


class Floor(Part):
    """A bound that a metric of the candidate must keep, on all rows or on a slice."""

    metric: MetricName
    at_least: float | None = None
    at_most: float | None = None
    slice: Name | None = None
    """`label=negative`, `negation=with`, `product=X`; all rows by default."""
    is_sure: bool = False
    """Whether the whole 95 % interval has to keep it, and not the figure alone."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        wanted = "at_most" if self.metric in LOWER_IS_BETTER else "at_least"
        if (self.at_least is None) == (self.at_most is None) or getattr(self, wanted) is None:
            raise ValueError(f"a floor of {self.metric} needs {wanted}, and nothing else")
        if self.slice is not None and not all(self.slice.partition("=")):
            raise ValueError(f"slice {self.slice!r} is none; write label=negative, negation=with or product=X")
        return self

    @property
    def limit(self) -> float:
        """The bound."""
        return self.at_least if self.at_least is not None else float(self.at_most or 0.0)


class Budgets(Part):
    """The most that a candidate may cost."""

    parameters: str | int | None = None
    """Of its low-rank pairs: 200k."""
    bytes: Annotated[int, Field(gt=0)] | None = None
    """Of its files."""
    ms: Annotated[float, Field(gt=0)] | None = None
    """Median milliseconds of one text alone, on the machine that the gate runs on."""
    parameters_ratio: Annotated[float, Field(gt=0)] | None = None
    """To the baseline's."""
    bytes_ratio: Annotated[float, Field(gt=0)] | None = None
    ms_ratio: Annotated[float, Field(gt=0)] | None = None

    @field_validator("parameters")
    @classmethod
    def _is_amount(cls, text: str | int | None) -> int | None:
        if text is None:
            return None
        amount, unit = read_budget(str(text))
        if unit != "parameters":
            raise ValueError(f"parameters {text!r} is no number of parameters; write 200k")
        return int(amount)

    @property
    def asks_for_time(self) -> bool:
        """Whether milliseconds have to be measured."""
        return self.ms is not None or self.ms_ratio is not None


class Policy(Part):
    """What a gate asks of a candidate."""

    metric: Literal["accuracy", "mse", "mae"] | None = None
    """What candidate and baseline are compared by; None takes accuracy where there are classes, else mse."""
    mode: Mode = "not_worse"
    """`not_worse`: pass only who is shown to be within the margin. `regression`: fail only who is shown to be worse."""
    margin: Annotated[float, Field(gt=0)] | None = None
    """How much worse still counts as not worse, in the metric's units; None is 0.02 of accuracy (two points), and a
    tenth of the baseline's error for mse and mae."""
    alpha: Annotated[float, Field(gt=0, le=0.2)] | None = None
    """How often the error that the mode controls may be made; None is 0.05 for not_worse and 0.025 for regression."""
    undecided: Literal["fail", "pass"] = "fail"
    """What it means that the rows cannot tell."""
    slices: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """What to slice by; on no slice may the candidate be shown to be worse."""
    floors: Annotated[tuple[Floor, ...], Field(max_length=100)] = ()
    budgets: Budgets = Budgets()


def read_policy(path: Path) -> Policy:
    """The policy of a YAML file.

    Raises:
        InputError: The file cannot be read, or is no YAML.
        SettingsError: A part is wrong; all problems are named together.
    """
    return read_yaml(path, Policy, "policies")
