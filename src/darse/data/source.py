"""What a user names as the source (file, folder, hub name, rows in memory) to an open stream of raw rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from darse.data.hub import is_hub_name, open_hub
from darse.data.read import FORMATS, OTHER_FORMATS, how_read, read_rows
from darse.data.reading import Reading
from darse.data.row import Row, as_cell
from darse.errors import DataError
from darse.files import is_folder
from darse.names import printable_path

DEMO = "demo"
IN_MEMORY = "rows in memory"
_PLAIN = Reading()


@runtime_checkable
class PandasLike(Protocol):
    """A table that gives its rows as dictionaries the way pandas does."""

    def to_dict(self, orient: Literal["records"], /) -> list[dict[Hashable, object]]:
        """Its rows."""


@runtime_checkable
class PolarsLike(Protocol):
    """A table that gives its rows as dictionaries the way polars does."""

    def to_dicts(self) -> list[dict[str, object]]:
        """Its rows."""


Source = str | Path | Iterable[Mapping[str, object]] | PandasLike | PolarsLike


@dataclass(frozen=True)
class OpenSource:
    """A source that is being read.

    Attributes:
        name: What the user called it.
        rows: Its rows.
        notes: What is worth a warning.
        how_read: The separator and the encoding of a file, each if it is not what the file's name promises.
    """

    name: str
    rows: Iterator[Row]
    notes: tuple[str, ...] = ()
    how_read: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def open_source(source: Source, reading: Reading = _PLAIN) -> Iterator[OpenSource]:
    """Open a source for the length of a `with` block.

    Args:
        source: `demo`, a file, a local folder laid out like a hub data set (both may end in `:config`), the
            name of a hub data set, a data frame, or mappings from column to value.
        reading: How a file is to be read.

    Raises:
        DataError: It is none of these, cannot be opened, or cannot be read so.
    """
    if isinstance(source, str) and source == DEMO:
        with resources.as_file(resources.files("darse.data") / "demo.csv") as path:
            opened = OpenSource(DEMO, read_rows(path, reading))
            with _closing(opened.rows):
                yield opened
        return
    opened = _open_named(str(source), reading) if isinstance(source, str | Path) else _open_rows(source, reading)
    with _closing(opened.rows):
        yield opened


@contextmanager
def naming(source: str | Path) -> Iterator[None]:
    """Put the name of the source before an error that does not know it."""
    try:
        yield
    except DataError as error:
        if error.path is not None:
            raise
        raise DataError(str(error), path=source) from error


@contextmanager
def _closing(rows: Iterator[Row]) -> Iterator[None]:
    """Close the file under a generator at once, not when it is collected."""
    try:
        yield
    finally:
        close = getattr(rows, "close", None)
        if close is not None:
            close()


def refuse_absent(name: str) -> None:
    """Refuse a name that can only be that of a file or folder, and leads nowhere.

    Raises:
        DataError: There is none.
    """
    if not name.strip():
        raise DataError("the name of the data is empty; give a file, or demo")
    before, _, _ = name.rpartition(":")
    if name == DEMO or _is_there(name) or (is_folder(before)):
        return
    if Path(name).suffix.casefold() in {*OTHER_FORMATS, *FORMATS}:
        read_rows(Path(name)).close()  # another format is an error of its own
        raise DataError("there is no such file; check the path", path=printable_path(name))
    repository = name.partition(":")[0]
    if "/" not in repository and Path(repository).suffix:
        raise DataError("there is no such file; check the path", path=printable_path(name))
    if not is_hub_name(name):
        raise DataError(
            f"{printable_path(name)!r} is no file, no folder and no name of a hub data set; give a path ending in"
            f" {', '.join(FORMATS)}, or owner/name"
        )


def _open_named(name: str, reading: Reading) -> OpenSource:
    refuse_absent(name)
    path = Path(name)
    if _is_there(name) and not path.is_dir():
        rows = read_rows(path, reading)  # which refuses a format that is not known
        return OpenSource(name, rows, how_read=how_read(path, reading))
    _refuse_reading(reading, name)
    if _is_there(name):
        return _open_folder(name, path, None)
    before, _, config = name.rpartition(":")
    if is_folder(before):
        return _open_folder(name, Path(before), config)
    repository, _, config = name.partition(":")
    opened = open_hub(repository, config or None)
    return OpenSource(name, opened.rows, opened.notes)


def _open_folder(name: str, folder: Path, config: str | None) -> OpenSource:
    opened = open_hub(folder.absolute(), config)
    return OpenSource(name, opened.rows, opened.notes)


def _refuse_reading(reading: Reading, name: str) -> None:
    if (reading.separator or reading.encoding) is not None:
        raise DataError("only files have separators and encodings; drop --separator and --encoding", path=name)


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists() or Path(name).is_symlink()
    except (OSError, ValueError):
        return False


def _open_rows(source: Iterable[Mapping[str, object]] | PandasLike | PolarsLike, reading: Reading) -> OpenSource:
    _refuse_reading(reading, IN_MEMORY)
    if isinstance(source, Mapping):
        raise DataError("one mapping is no list of rows; give a list with a mapping for each row")
    if isinstance(source, PolarsLike):
        return OpenSource(IN_MEMORY, _rows_of(source.to_dicts()))
    if isinstance(source, PandasLike):
        return OpenSource(IN_MEMORY, _rows_of(source.to_dict("records")))
    return OpenSource(IN_MEMORY, _rows_of(source))


def _rows_of(records: Iterable[object]) -> Iterator[Row]:
    for line, record in enumerate(records, start=1):
        if isinstance(record, Mapping):
            yield Row(line, {str(name): as_cell(value) for name, value in record.items()})
        else:
            yield Row(line, {}, "the row is no mapping from column to value")
