"""A folder of adapters to those that are loaded under a label, kept so that a restart finds the same ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from darse.errors import AdapterError, InputError
from darse.files import write_json
from darse.model.manifest import MANIFEST, Manifest, peek_manifest
from darse.monitor.reference import reference_of
from darse.names import printable
from darse.score.scorer import AdapterScorer
from darse.serve.routing import Routing, Served
from darse.store.folder import STORE_FILE

LABELS_FILE = "labels.json"
_WARM_UP = "Good."


class LabelsRecord(BaseModel):
    """Which adapter has which label, as it is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    prod: str
    canary: str | None = None
    percent: float = Field(default=0.0, ge=0, le=100)
    shadow: bool = False
    previous: str | None = None


class Registry(Protocol):
    """Where adapters come from."""

    def names(self) -> Sequence[str]:
        """Of all adapters that can be labelled."""

    def manifest(self, name: str) -> Manifest:
        """What an adapter says of itself, without loading it.

        Raises:
            InputError: There is none of that name, or it is damaged.
        """

    def load(self, name: str) -> Served:
        """Load an adapter; this takes seconds.

        Raises:
            InputError: There is none of that name, or it cannot be used.
        """

    def labels(self) -> LabelsRecord:
        """The labels as they were kept, or those that are obvious.

        Raises:
            InputError: None were kept, and which adapter is to be prod is not obvious.
        """

    def keep(self, record: LabelsRecord) -> None:
        """Make labels last."""


Load = Callable[[Path], AdapterScorer]


@dataclass(frozen=True)
class OneAdapter:
    """One adapter's folder; its labels are obvious, and a restart asks for nothing.

    Attributes:
        folder: The adapter.
        load_folder: What loads it.
    """

    folder: Path
    load_folder: Load

    def names(self) -> Sequence[str]:
        """See `Registry.names`."""
        return [self._name]

    def manifest(self, name: str) -> Manifest:
        """See `Registry.manifest`."""
        self._check(name)
        return peek_manifest(self.folder)

    def load(self, name: str) -> Served:
        """See `Registry.load`."""
        self._check(name)
        return _load(name, self.folder, self.load_folder)

    def labels(self) -> LabelsRecord:
        """See `Registry.labels`."""
        return LabelsRecord(prod=self._name)

    def keep(self, record: LabelsRecord) -> None:
        """See `Registry.keep`."""

    @property
    def _name(self) -> str:
        return self.folder.resolve().name

    def _check(self, name: str) -> None:
        if name != self._name:
            raise InputError(
                f"there is no adapter {printable(repr(name))}: one folder is served, {self._name}; serve a folder of "
                "adapters to label others"
            )


@dataclass(frozen=True)
class AdapterFolder:
    """A folder of adapters, each in a folder of its own, and a file of labels beside them.

    Attributes:
        folder: Where they lie.
        load_folder: What loads one.
    """

    folder: Path
    load_folder: Load

    def names(self) -> Sequence[str]:
        """See `Registry.names`; a name that begins with a dot is that of something being written."""
        try:
            found = [one for one in self.folder.iterdir() if not one.name.startswith(".")]
            return sorted(one.name for one in found if one.name.isprintable() and (one / MANIFEST).is_file())
        except OSError as error:
            raise AdapterError(f"{self.folder} cannot be read: {error.strerror}") from error

    def manifest(self, name: str) -> Manifest:
        """See `Registry.manifest`."""
        return peek_manifest(self._place(name))

    def load(self, name: str) -> Served:
        """See `Registry.load`."""
        return _load(name, self._place(name), self.load_folder)

    def labels(self) -> LabelsRecord:
        """See `Registry.labels`."""
        path = self.folder / LABELS_FILE
        if path.is_file():
            try:
                return LabelsRecord.model_validate_json(path.read_bytes())
            except (OSError, ValidationError) as error:
                raise InputError(f"{path} is damaged; remove it, and name the adapter with --prod") from error
        names = self.names()
        if len(names) != 1:
            raise InputError(f"{self.folder} has {_listed(names)}; say with --prod which one answers")
        return LabelsRecord(prod=names[0])

    def keep(self, record: LabelsRecord) -> None:
        """See `Registry.keep`."""
        write_json(self.folder / LABELS_FILE, record.model_dump())

    def _place(self, name: str) -> Path:
        """The folder of a name that is listed: nothing from outside becomes a path."""
        names = self.names()
        if name not in names:
            raise InputError(f"there is no adapter {printable(repr(name))}; {self.folder} has {_listed(names)}")
        return self.folder / name


def _load(name: str, folder: Path, load_folder: Load) -> Served:
    scorer = load_folder(folder)
    # the first text takes longer than all later ones; nobody is to wait for it
    scorer.score([_WARM_UP], [_WARM_UP] if scorer.task.has_target else None)
    return Served(name, scorer.manifest.digest, scorer, reference_of(folder))


def open_registry(folder: Path, load_folder: Load) -> Registry:
    """The adapters of a folder: itself, or those in it.

    Raises:
        AdapterError: There are none.
    """
    if (folder / MANIFEST).exists():
        return OneAdapter(folder, load_folder)
    if (folder / STORE_FILE).exists():
        raise AdapterError(f"{folder} is the folder of a study; give {folder / 'adapter'}, or a folder of exports")
    found = AdapterFolder(folder, load_folder)
    if not folder.is_dir() or not found.names():
        raise AdapterError(f"{folder} is neither an adapter that darse wrote nor a folder of such; check the path")
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name) for name in names) or "none"


def record_of(routing: Routing) -> LabelsRecord:
    """The labels of a routing as they are kept."""
    return LabelsRecord(
        prod=routing.prod.name,
        canary=_name(routing.canary),
        percent=routing.percent,
        shadow=routing.is_shadow,
        previous=_name(routing.previous),
    )


def _name(served: Served | None) -> str | None:
    return None if served is None else served.name
