"""Every setting of a study, parsed and checked once, with the reason for each default."""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from darse.errors import SettingsError

Evaluator = Literal["truncate", "finetune"]
Strategy = Literal["auto", "greedy", "knapsack", "window"]
Objective = Literal["smallest", "best"]
Preset = Literal["none", "paper"]
Precision = Literal["auto", "float32", "bfloat16"]
Profile = Literal["native", "padded", "merged", "onnx"]
"""Kind of an exported adapter (docs/export.md)."""
WHOLE: frozenset[Profile] = frozenset({"merged", "onnx"})
"""Kinds that are a whole model and need no base model beside them."""
BudgetUnit = Literal["uniform rank", "percent", "parameters"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class DataSettings(_Frozen):
    """How a labelled file is read and split."""

    text: str | None = None
    label: str | None = None
    score: str | None = None
    target: str | None = None
    split: str | None = None
    group: str | None = None
    label_map: dict[str, str] | None = None
    """Explicit table from a label as written to a class; labels not in it are rejected."""
    separator: str | None = None
    """Between the columns of a CSV or TSV file; None means found in the header of a CSV, and a tab in a TSV."""
    encoding: str | None = None
    """Of a file of text; None means UTF-8, or what its byte order mark says."""
    valid_fraction: Annotated[float, Field(gt=0, lt=0.5)] = 0.15
    """Large enough to choose by, small enough to leave rows to learn from."""
    test_fraction: Annotated[float, Field(gt=0, lt=0.5)] = 0.15
    max_rows: Annotated[int, Field(ge=1)] = 1_000_000
    """Rows kept in memory at the most; more is an error, never a silent cut."""
    max_text_characters: Annotated[int, Field(ge=1)] = 100_000
    """A longer text is rejected: no model here reads it, and it is usually an unclosed quote."""

    @property
    def named(self) -> dict[str, str]:
        """Column by part, as far as the user has named them."""
        parts = ("text", "label", "score", "target", "split", "group")
        return {part: name for part in parts if (name := getattr(self, part)) is not None}

    @field_validator("separator")
    @classmethod
    def _separator_is_one_mark(cls, text: str | None) -> str | None:
        """A tab may be written as a word, since few shells make it easy to type one."""
        mark = "\t" if text in {"tab", "\\t"} else text
        if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in '"\r\n\0 '):
            raise ValueError(f"[separator] {text!r} is no separator; write one mark, such as ; or | or tab")
        return mark

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, name: str | None) -> str | None:
        if name is not None and not _is_encoding(name):
            raise ValueError(f"[encoding] {name!r} is not known; write utf-8, cp1252 (Excel in Western Europe) or such")
        return name


class TrainSettings(_Frozen):
    """How one adapter is trained."""

    batch_size: Annotated[int, Field(ge=1)] = 16
    """Small enough for a few hundred rows, large enough to keep two cores busy."""
    max_length: Annotated[int, Field(ge=8)] = 128
    """Tokens; sentences and headlines are shorter, longer texts are cut and counted."""
    epochs: Annotated[int, Field(ge=1)] = 6
    """An upper bound: early stopping ends a run before; the head starts fitted, so few are needed."""
    patience: Annotated[int, Field(ge=1)] = 2
    """Epochs without a better validation score before a run ends."""
    warmup_fraction: Annotated[float, Field(ge=0, le=1)] = 0.06
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    alpha: Annotated[float, Field(gt=0)] = 4.0
    """Scaling is alpha / sqrt(r) (rank-stabilised, arXiv 2312.03732): a rank sweep must not sweep the scaling."""
    head_learning_rate_ratio: Annotated[float, Field(gt=0)] = 1.0
    """Learning rate of the head over that of the adapter."""
    head_start: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Part of the fitted head that a run with pairs starts with: behind a whole one the pairs have little left to learn
    (docs/method.md)."""
    precision: Precision = "auto"
    """Of the linear maps' products in training and in cuts; a full run's score and the test are always float32. `auto`
    takes bfloat16 where the processor multiplies it by itself: faster, and far inside the noise of the seed
    (docs/engine.md)."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 20.0
    """A run is written down after the first batch that ends so long after the last time: after a kill about this much
    of its work is done again, and a pass over the validation rows if one was under way."""


def read_granularity(text: str) -> int:
    """How many layers share a rank; 0 where each weight has one of its own.

    Raises:
        ValueError: The text says neither.

    >>> read_granularity("layer"), read_granularity("module"), read_granularity("group:4")
    (1, 0, 4)
    """
    if text in {"layer", "module"}:
        return int(text == "layer")
    if match := re.fullmatch(r"group:([1-9][0-9]{0,3})", text, re.ASCII):
        return int(match[1])
    raise ValueError(f"granularity {text!r} is unknown; use layer, module or group:N")


class SearchSettings(_Frozen):
    """What is searched, how, and how long."""

    budget: str | None = None
    """`500k`, `1%` of the base model, `uniform:8`; None leaves it to the search (`allocate`)."""
    objective: Objective = "smallest"
    """Size is what users gain most surely (docs/method.md)."""
    granularity: str = "layer"
    """`layer`, `module` or `group:4`."""
    evaluator: Evaluator = "truncate"
    strategy: Strategy = "auto"
    """`auto` takes the better of knapsack and window, told by a cut to a plan of each."""
    preset: Preset = "none"
    min_rank: Annotated[int, Field(ge=1)] = 1
    max_rank: Annotated[int, Field(ge=1)] = 16
    """The rank that is trained once and cut to all others; at most the smaller side of a weight."""
    learning_rates: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (
        5e-4,
        1e-3,
        2e-3,
        4e-3,
        8e-3,
    )
    """The grid of calibrate, walked from the middle towards the better side."""
    seeds: Annotated[int, Field(ge=2, le=50)] = 3
    """Runs per finalist and control; two are the least that show a spread."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the whole study: splits, resampling and every run derive from it."""
    margin: Annotated[float, Field(ge=0, le=0.5)] = 0.01
    """Not worse means not worse by more than this part of the metric."""
    max_trials: Annotated[int, Field(ge=1)] | None = None
    """Fine-tuning runs at the most."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _published_method(cls, values: object) -> object:
        """The preset `paper` trains every plan and allocates greedily, as published."""
        if not isinstance(values, dict) or values.get("preset") != "paper":
            return values
        published = {"evaluator": "finetune", "strategy": "greedy"}
        for name, value in published.items():
            if values.get(name, value) != value:
                raise ValueError(f"[preset] paper means [{name}] {value}; drop [{name}] {values[name]}, or the preset")
        return {**values, **published}

    @field_validator("budget")
    @classmethod
    def _budget_can_be_read(cls, text: str | None) -> str | None:
        if text is not None:
            read_budget(text)
        return text

    @field_validator("granularity")
    @classmethod
    def _granularity_can_be_read(cls, text: str) -> str:
        read_granularity(text)
        return text

    @property
    def is_cut(self) -> bool:
        """Whether plans are read off a few trained runs instead of being trained one by one."""
        return self.evaluator == "truncate"

    @model_validator(mode="after")
    def _ranks_in_order(self) -> Self:
        if self.min_rank > self.max_rank:
            raise ValueError(f"[min_rank] {self.min_rank} is above [max_rank] {self.max_rank}")
        return self


class Settings(_Frozen):
    """All settings of a study."""

    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    search: SearchSettings = SearchSettings()
    model: str = "minilm"
    """`minilm` (bundled), a local folder, or a hub name."""
    trust_remote_code: bool = False
    """Code shipped with a model never runs unless this is set by name."""


def parse_settings(values: dict[str, object], *, called: Callable[[str], str] = str) -> Settings:
    """Settings from nested plain values; all problems are reported together.

    Args:
        values: By section and name.
        called: What whoever gave them calls a setting; by default its name in Python.

    Raises:
        SettingsError: One or more values are wrong.

    >>> parse_settings({"search": {"seeds": 5}}).search.seeds
    5
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = {problem["loc"][:2]: problem for problem in reversed(error.errors())}
        raise SettingsError([explained(one, called) for one in reversed(first.values())]) from error


def dotted(values: Mapping[str, object]) -> dict[str, object]:
    """Settings in plain JSON by dotted name; a table inside a section is one value.

    >>> dotted({"evaluator": "mine", "search": {"evaluator": "truncate"}, "data": {"label_map": {"1": "good"}}})
    {'evaluator': 'mine', 'search.evaluator': 'truncate', 'data.label_map': {'1': 'good'}}
    """
    table: dict[str, object] = {}
    for name, value in values.items():
        table |= (
            {f"{name}.{leaf}": inner for leaf, inner in value.items()} if isinstance(value, dict) else {name: value}
        )
    return table


def as_option(name: str) -> str:
    """A setting as the command line calls it.

    >>> as_option("max_minutes"), as_option("learning_rates")
    ('--max-minutes', '--learning-rate')
    """
    return "--" + ("learning_rate" if name == "learning_rates" else name).replace("_", "-")


def _is_encoding(name: str) -> bool:
    """Whether text can be read by an encoding of this name: Python also has some for other ends."""
    try:
        found = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return found.name.replace("-", "_") not in _NO_ENCODINGS and found.incrementaldecoder is not None


_NO_ENCODINGS = frozenset({"idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined", "mbcs", "oem"})


def explained(problem: ErrorDetails, called: Callable[[str], str]) -> str:
    """What is wrong with a setting, with the limit and what was given; our own messages have names in brackets."""
    if problem["type"] == "value_error":
        return re.sub(r"\[([a-z_]+)\]", lambda found: called(found[1]), str(problem["ctx"]["error"]))
    names = [str(part) for part in problem["loc"] if isinstance(part, str)]
    name = names[min(1, len(names) - 1)] if names else "settings"
    if problem["type"] == "extra_forbidden":
        return f"{name}: there is no such option{_meant(name)}"
    member = "".join(f" ({part})" for part in names[2:])
    told = wanted(problem) or f"cannot be used as it is, got {_shown(problem['input'])}"
    return f"{called(name)}{member} {told}"


def wanted(problem: ErrorDetails) -> str | None:
    """What a value must be and what was given; None where we have no words of our own for the problem."""
    limit = _WANTED.get(problem["type"])
    return limit and f"{limit.format_map(problem.get('ctx', {}))}, got {_shown(problem['input'])}"


_WANTED = {
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be {le:g} or less",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "bool_type": "must be True or False",
    "bool_parsing": "must be True or False",
    "dict_type": "must be a table from labels to classes",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "literal_error": "must be {expected}",
}


def _shown(value: object) -> str:
    """What was given; a whole number is shown as one, as it was written."""
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, Options.__annotations__, 1, 0.7)
    return f"; did you mean {close[0]}?" if close else ""


def read_budget(text: str) -> tuple[float, BudgetUnit]:
    """A budget as people write it: an amount and its unit.

    Raises:
        ValueError: The text is no budget.

    >>> read_budget("1.5k"), read_budget("4%"), read_budget("uniform:3")
    ((1500.0, 'parameters'), (4.0, 'percent'), (3.0, 'uniform rank'))
    """
    written = text.strip()
    if match := re.fullmatch(r"uniform:([1-9][0-9]{0,4})", written, re.ASCII):
        return float(match[1]), "uniform rank"
    if match := re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)%", written, re.ASCII):
        return float(match[1]), "percent"
    if match := re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([kKmM]?)", written, re.ASCII):
        return float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()], "parameters"
    raise ValueError(f"{text!r} is no budget; write 500k, 1% (of the base model) or uniform:8")


class Options(TypedDict, total=False):
    """Every setting by its flat name, as `darse.explore` takes it."""

    text: str | None
    label: str | None
    score: str | None
    target: str | None
    split: str | None
    group: str | None
    label_map: dict[str, str] | None
    separator: str | None
    encoding: str | None
    valid_fraction: float
    test_fraction: float
    max_rows: int
    max_text_characters: int
    batch_size: int
    max_length: int
    precision: Precision
    epochs: int
    patience: int
    warmup_fraction: float
    weight_decay: float
    max_gradient_norm: float
    alpha: float
    head_learning_rate_ratio: float
    head_start: float
    checkpoint_seconds: float
    budget: str | None
    objective: Objective
    granularity: str
    strategy: Strategy
    preset: Preset
    min_rank: int
    max_rank: int
    learning_rates: Sequence[float]
    seeds: int
    seed: int
    margin: float
    max_trials: int | None
    max_minutes: float | None
    model: str
    trust_remote_code: bool


def settings_from_options(options: Mapping[str, object], *, called: Callable[[str], str] = str) -> Settings:
    """Settings from flat options, as the command line and the Python API take them; None means the default.

    Args:
        options: By name.
        called: What whoever gave them calls an option, for errors.

    Raises:
        SettingsError: An option is unknown or wrong; all are named together.

    >>> settings_from_options({"seeds": 5, "epochs": 3, "text": None}).train.epochs
    3
    """
    nested: dict[str, object] = {}
    unknown: list[str] = []
    for name, value in options.items():
        if value is None:
            continue
        home = next((part for part, kind in _SECTIONS.items() if name in kind.model_fields), None)
        if home is not None:
            section = nested.setdefault(home, {})
            assert isinstance(section, dict)
            section[name] = value
        elif name in {"model", "trust_remote_code"}:
            nested[name] = value
        else:
            unknown.append(f"{name}: there is no such option{_meant(name)}")
    try:
        settings = parse_settings(nested, called=called)
    except SettingsError as error:
        raise SettingsError([*unknown, *error.problems]) from error
    if unknown:
        raise SettingsError(unknown)
    return settings


_SECTIONS: dict[str, type[BaseModel]] = {"data": DataSettings, "train": TrainSettings, "search": SearchSettings}
