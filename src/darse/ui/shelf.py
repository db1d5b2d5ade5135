"""Folders, files and addresses to the stores that pages are about, each with a name of its own for links."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from darse.errors import InputError
from darse.names import folder_name, printable, printable_path, without_secrets
from darse.store.folder import STORE_FILE
from darse.store.open import open_store, read_store
from darse.store.sql import SqlStore
from darse.ui.errors import MissingError

TRAFFIC_FILE = "darse-traffic.db"
MOST_STORES = 500
_DIGEST = 6


@dataclass(frozen=True)
class Shelved:
    """A store.

    Attributes:
        key: Its name in links: the same for the same place, after a restart too.
        title: What people call it.
        place: Path or address.
    """

    key: str
    title: str
    place: Path | str

    @property
    def folder(self) -> Path | None:
        """The folder of the study, if it is the store of one."""
        return self.place.parent if isinstance(self.place, Path) and self.place.name == STORE_FILE else None

    def read(self) -> SqlStore:
        """Open it to look at it; see `read_store`."""
        return read_store(self.place)

    def change(self) -> SqlStore:
        """Open it to change something in it."""
        return open_store(self.place, must_exist=True)


class Shelf:
    """The stores of some places; a study that begins later in one of the folders is there, too.

    Args:
        places: Folders of studies, folders of such folders, store files, addresses of database servers.

    Raises:
        InputError: A place is none of that.
    """

    def __init__(self, places: Sequence[str]) -> None:
        self._places = [place if "://" in place else Path(place) for place in places]
        for place in self._places:
            if isinstance(place, Path):
                if not place.exists():
                    raise InputError(f"there is no {printable_path(str(place))}; give a folder of studies, or a store")
            elif _database_of(place) is None:
                raise InputError("the address of a store cannot be read; write it as --store of `darse explore` has it")

    def stores(self) -> list[Shelved]:
        """All of them, in the order given, those of a folder by name; at the most `MOST_STORES`."""
        found: dict[str, Shelved] = {}
        for place in self._places:
            for one in [place] if isinstance(place, str) else _stores_in(place):
                shelved = _shelved(one)
                found.setdefault(shelved.key, shelved)
                if len(found) >= MOST_STORES:
                    return list(found.values())
        return list(found.values())

    def find(self, key: str) -> Shelved:
        """The store of a name in a link.

        Raises:
            MissingError: There is none.
        """
        for one in self.stores():
            if one.key == key:
                return one
        raise MissingError(f"there is no store {printable(key, 80)!r} here; the list of studies has those there are")


def _stores_in(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    if not place.is_dir():
        return
    if (place / STORE_FILE).is_file():
        yield place / STORE_FILE
    if (place / TRAFFIC_FILE).is_file():
        yield place / TRAFFIC_FILE
    for folder in sorted(place.iterdir()):
        if (folder / STORE_FILE).is_file():
            yield folder / STORE_FILE


def _shelved(place: Path | str) -> Shelved:
    if isinstance(place, str):
        title = without_secrets(place)
        return Shelved(f"{folder_name(_database_of(place) or '')}-{_digest(title)}", printable(title, 200), place)
    path = place.resolve()
    name = path.parent.name if path.name == STORE_FILE else path.stem
    return Shelved(f"{folder_name(name)}-{_digest(str(path))}", printable(name or str(path), 200), path)


def _database_of(address: str) -> str | None:
    """The name of the database at an address; None if it is none; it is not told, as it may hold a password."""
    try:
        return make_url(address).database or "store"
    except (ArgumentError, ValueError):
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGEST]
