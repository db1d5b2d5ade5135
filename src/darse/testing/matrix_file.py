"""A YAML file, or what stands on the command line, to what a matrix is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from darse.data.source import DEMO
from darse.errors import AdapterError, InputError, SettingsError
from darse.names import printable_path
from darse.settings import DataSettings, as_option, explained
from darse.testing.dataset import Dataset, Wanted, read_dataset
from darse.testing.entry import Entry, adapter_entry, refuse_same_names
from darse.yaml_files import Part, read_yaml

MetricName = Literal["accuracy", "macro_f1", "ece", "mse", "mae", "r2", "pearson", "spearman", "sign_accuracy"]
_MOST = 100
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class DataPart(Part):
    """A labelled file, and how it is read."""

    file: Annotated[str, Field(min_length=1)]
    name: Name | None = None
    rows: Wanted = "auto"
    text: str | None = None
    label: str | None = None
    score: str | None = None
    target: str | None = None
    split: str | None = None
    label_map: dict[str, str] | None = None
    separator: str | None = None
    encoding: str | None = None

    @property
    def settings(self) -> DataSettings:
        """How the file is read."""
        return DataSettings.model_validate(self.model_dump(exclude={"file", "name", "rows"}))

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        _ = self.settings  # which refuses an unknown separator or encoding
        return self


class AdapterPart(Part):
    """A folder of an adapter or of a study, with a name of its own."""

    folder: Annotated[str, Field(min_length=1)]
    name: Name | None = None


class MatrixFile(Part):
    """Adapters, data sets, and what is asked of them."""

    adapters: Annotated[list[AdapterPart | str], Field(min_length=1, max_length=_MOST)]
    data: Annotated[list[DataPart | str], Field(min_length=1, max_length=_MOST)]
    metrics: tuple[MetricName, ...] = ()
    slices: Annotated[tuple[Name, ...], Field(max_length=_MOST)] = ()
    references: bool = True
    train: DataPart | str | None = None
    study: str | None = None


def read_matrix(path: Path) -> MatrixFile:
    """The matrix of a YAML file; names of files and folders in it are seen from where the file lies.

    Raises:
        InputError: The file cannot be read, or is no YAML.
        SettingsError: A part is wrong; all problems are named together.
    """
    found = read_yaml(path, MatrixFile, "matrices")
    near = path.parent
    adapters = [one if isinstance(one, AdapterPart) else AdapterPart(folder=one) for one in found.adapters]
    return found.model_copy(
        update={
            "adapters": [one.model_copy(update={"folder": str(near / one.folder)}) for one in adapters],
            "data": [_near(near, one) for one in found.data],
            "train": None if found.train is None else _near(near, found.train),
            "study": None if found.study is None else str(near / found.study),
        }
    )


def matrix_of(values: Mapping[str, object]) -> MatrixFile:
    """A matrix from what stands on the command line.

    Raises:
        SettingsError: A part is wrong; all problems are named together.
    """
    try:
        return MatrixFile.model_validate(values)
    except ValidationError as error:
        raise SettingsError([explained(problem, _as_flag) for problem in error.errors()]) from error


def _as_flag(name: str) -> str:
    """A part of a matrix as the command line calls it, which names one at a time."""
    return as_option(name.removesuffix("s"))


def entries_of(parts: list[AdapterPart], *, base: str | None = None, trust_remote_code: bool = False) -> list[Entry]:
    """The adapters that are asked for, each under a name of its own.

    Args:
        parts: Folders and names.
        base: Name or folder of the base model, if it is not where the adapters say.
        trust_remote_code: Whether code that comes with the base model may run.

    Raises:
        AdapterError: A folder holds no adapter.
        InputError: Two have one name.
    """
    entries = [
        adapter_entry(Path(one.folder), name=one.name, base=base, trust_remote_code=trust_remote_code) for one in parts
    ]
    refuse_same_names([one.facts for one in entries])
    return entries


def sets_of(parts: list[DataPart]) -> list[Dataset]:
    """The data sets that are asked for, each under a name of its own.

    Raises:
        DataError: A file cannot be read.
        InputError: Two have one name.
    """
    sets = [read_dataset(one.file, one.settings, name=one.name, part=one.rows) for one in parts]
    names = [one.name for one in sets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two data sets are called {twice[0]!r}; give each a name of its own in the matrix file")
    return sets


def named_folder(text: str) -> AdapterPart:
    """A folder as the command line takes it: FOLDER, or NAME=FOLDER.

    Raises:
        AdapterError: It can be neither.

    >>> named_folder("new=runs/3/adapter")
    AdapterPart(folder='runs/3/adapter', name='new')
    """
    name, mark, folder = text.partition("=")
    is_named = mark and folder and not Path(text).exists()
    try:
        return AdapterPart(folder=folder, name=name or None) if is_named else AdapterPart(folder=text)
    except ValidationError as error:
        told = f"{printable_path(text)!r} is no folder, nor NAME=FOLDER; give an adapter's folder"
        raise AdapterError(told) from error


def _near(folder: Path, part: DataPart | str) -> DataPart:
    part = part if isinstance(part, DataPart) else DataPart(file=part)
    path = folder / part.file
    # a name of a hub data set stays one
    is_file = part.file != DEMO and (path.exists() or bool(path.suffix))
    return part.model_copy(update={"file": str(path)}) if is_file else part
