"""A hub data set, or a local folder laid out like one, to raw rows with their official splits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darse.data.labels import SPLIT_NAMES
from darse.data.open_file import open_regular
from darse.data.row import Cell, Row, as_cell
from darse.errors import DataError
from darse.names import printable

if TYPE_CHECKING:
    import datasets

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_CONFIG = re.compile(r"[\w.+-]{1,100}", re.ASCII)
_SAFE_FORMATS = ("csv", "json", "parquet", "arrow")
"""Formats of plain tables; the library knows dozens more, and none of them is labelled text."""
_MAX_CARD_BYTES = 1 << 20
_SHOWN_FILES = 5
_ORDER = ("train", "valid", "test")


@dataclass(frozen=True)
class HubRows:
    """A hub data set, opened.

    Attributes:
        rows: Its rows, numbered through over all splits; with more than one split each row states its own.
        notes: What was left out, in plain sentences.
    """

    rows: Iterator[Row]
    notes: tuple[str, ...] = ()


def is_hub_name(name: str) -> bool:
    """Whether a text has the form `name`, `owner/name` or either with `:config`.

    >>> is_hub_name("stanfordnlp/sst2"), is_hub_name("glue:sst2"), is_hub_name("../secret")
    (True, True, False)
    """
    repository, _, config = name.partition(":")
    is_plain = bool(_NAME.fullmatch(repository)) and ".." not in repository and "--" not in repository
    return is_plain and (":" not in name or bool(_CONFIG.fullmatch(config)))


def open_hub(repository: str | Path, config: str | None = None) -> HubRows:
    """Open a data set of the hub, streaming; only plain tables are read, and only from inside a local folder.

    Args:
        repository: `owner/name`, or a local folder as a Path.
        config: Which of its configurations, if it has several.

    Raises:
        DataError: It cannot be found, reached or read, or it is no table.
    """
    import datasets

    failures = _failures()
    try:
        if isinstance(repository, Path):
            _refuse_addresses(repository)
        builder = datasets.load_dataset_builder(str(repository), name=config)
        _refuse_unsafe(builder, repository)
        streams: Mapping[str, datasets.IterableDataset] = builder.as_streaming_dataset()
    except failures as error:
        raise _explain(repository, error) from error
    known = {name: SPLIT_NAMES[name.casefold()] for name in streams if name.casefold() in SPLIT_NAMES}
    if not known and len(streams) > 1:
        raise DataError(
            f"none of its splits ({', '.join(map(str, streams))}) is train, validation or test",
            path=repository,
        )
    # A data set with a single split states no split at all.
    chosen = sorted(known or streams, key=lambda name: _ORDER.index(known.get(name, "train")))
    left_out = [str(name) for name in streams if name not in chosen]
    note = f"splits left out because they are none of train, validation, test: {', '.join(left_out)}"
    official = {name: known.get(name) if len(chosen) > 1 else None for name in chosen}
    files = {str(name): list(paths) for name, paths in (builder.config.data_files or {}).items()}
    rows = _read_streams(repository, {name: streams[name] for name in chosen}, official, files)
    return HubRows(rows, (note,) if left_out else ())


def _failures() -> tuple[type[Exception], ...]:
    """What the library raises for damaged or unreachable data, found by feeding it such."""
    import datasets
    from huggingface_hub.errors import HfHubHTTPError
    from pyarrow import ArrowException
    from yaml import YAMLError

    network = tuple(base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception))
    careless = (LookupError, TypeError, AttributeError, AssertionError, RuntimeError, EOFError)
    # ImportError: a file system (http) or a compression that is not installed.
    others = (OSError, ValueError, ArithmeticError, MemoryError, ImportError, ArrowException, YAMLError)
    return (*network, *careless, *others, datasets.exceptions.DatasetsError)


def _explain(repository: str | Path, error: Exception) -> DataError:
    """One line for any failure of the library; what it says is often a page."""
    first = printable((str(error).strip() or type(error).__name__).partition("\n")[0], 300)
    if isinstance(repository, Path):
        remedy = "a folder needs a README.md with data_files, or files such as train.csv and test.csv"
    elif isinstance(error, ConnectionError):
        remedy = "check the connection, or download it and give the local folder or file"
    else:
        remedy = "check the name, `owner/name:config`, or give a local file"
    return DataError(f"the data set cannot be loaded: {first}; {remedy}", path=repository)


def _unlike(repository: str | Path, error: Exception, files: Sequence[str]) -> DataError | None:
    """The error for files of a split that do not have the same columns, by name; None for any other failure."""
    from datasets.table import CastError

    if not isinstance(error, CastError) or len(files) < 2:
        return None
    names = ", ".join(printable(Path(name).name) for name in files[:_SHOWN_FILES])
    more = f" and {len(files) - _SHOWN_FILES} more" if len(files) > _SHOWN_FILES else ""
    known = set(error.requested_column_names)
    others = [str(column) for column in error.table_column_names if column not in known]
    shown = f" (one has {printable(', '.join(others), 200)})" if others else ""
    return DataError(
        f"its files ({names}{more}) are read as one table and do not have the same columns{shown};"
        " give one of the files, or a README.md with data_files",
        path=repository,
    )


def _refuse_addresses(folder: Path) -> None:
    """Refuse a card that names an address, before the library asks there which files it means."""
    import yaml

    card = folder / "README.md"
    if not card.exists():
        return
    with open_regular(card) as file:
        content = file.read(_MAX_CARD_BYTES).decode("utf-8", "replace")
    front = re.match(r"\s*---\s*\n(.*?)\n---", content, re.DOTALL)
    described = yaml.safe_load(front[1]) if front else None
    waiting: list[object] = [described.get("configs")] if isinstance(described, dict) else []
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and ("://" in value or "::" in value):
            raise DataError(f"its README names a file outside the folder: {printable(value)}", path=folder)
        # An alias can stand for the same list a million times; once is enough.
        if isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value


def _refuse_unsafe(builder: datasets.DatasetBuilder, repository: str | Path) -> None:
    module = type(builder).__module__.split(".")
    if module[:2] != ["datasets", "packaged_modules"] or module[2] not in _SAFE_FORMATS:
        raise DataError(
            f"the data set is stored as {module[-1]!r}; only {', '.join(_SAFE_FORMATS)} are read",
            path=repository,
        )
    if not isinstance(repository, Path):
        return
    folder = repository.absolute()
    for files in (builder.config.data_files or {}).values():
        for name in files:
            # Links inside the folder are fine: the hub's own cache is made of them.
            if "://" in name or ".." in Path(name).parts or not Path(name).is_relative_to(folder):
                raise DataError(f"its README names a file outside the folder: {printable(name)}", path=folder)
            if not Path(name).is_file():
                raise DataError(f"{name} is not a regular file", path=repository)


def _read_streams(
    repository: str | Path,
    streams: Mapping[str, datasets.IterableDataset],
    official: Mapping[str, str | None],
    files: Mapping[str, Sequence[str]],
) -> Iterator[Row]:
    line = 0
    failures = _failures()
    for name, stream in streams.items():
        try:
            names = _class_names(stream.features)
            records: Iterable[Mapping[str, object]] = stream
            for record in records:
                line += 1
                cells = {str(key): _cell(value, names.get(str(key))) for key, value in record.items()}
                yield Row(line, cells, split=official[name])
        except failures as error:
            raise _unlike(repository, error, files.get(str(name), ())) or _explain(repository, error) from error
    if line == 0:
        raise DataError("the data set has no rows", path=repository)


def _class_names(features: datasets.Features | None) -> dict[str, list[str]]:
    import datasets

    return {
        str(name): list(feature.names)
        for name, feature in (features or {}).items()
        if isinstance(feature, datasets.ClassLabel) and feature.names
    }


def _cell(value: object, names: list[str] | None) -> Cell:
    """A cell, a class index as its name; the hub writes -1 for a label that is not public."""
    if names is None or not isinstance(value, int):
        return as_cell(value)
    return names[value] if 0 <= value < len(names) else None
