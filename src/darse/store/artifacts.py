"""Bytes to files or rows named by their SHA-256, and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import insert, select, update

from darse.errors import CorruptStoreError, StoreError
from darse.files import sha256_of_bytes, write_durably
from darse.names import printable
from darse.store.connect import Database
from darse.store.faults import RESTORE, store_errors
from darse.store.folder import STORE_FILE
from darse.store.schema import ARTIFACTS
from darse.store.studies import lock_ledger

MAX_ROW_BYTES = 256 << 20
"""Largest artifact in a database. PostgreSQL hands bytes out as text, two digits each, and a text has less than 1 GiB:
of 512 MiB it would take what it cannot give back."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Artifacts(Protocol):
    """Keeps bytes by their SHA-256."""

    def put(self, content: bytes) -> str:
        """Keep bytes durably and return their SHA-256; equal bytes are kept once.

        Raises:
            StoreError: They cannot be kept; the message says why.
        """

    def get(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            StoreError: It is not a SHA-256, or the bytes cannot be read.
            CorruptStoreError: They are missing or changed.
        """


@dataclass(frozen=True, slots=True)
class ArtifactFolder:
    """A folder of files named by their content: `ab/abcdef...`.

    Attributes:
        root: The folder; made on the first write.
        earlier: A folder that is read as well, and never written: where earlier versions put them.
    """

    root: Path
    earlier: Path | None = None

    @classmethod
    def beside(cls, database: Path) -> ArtifactFolder:
        """The artifacts of a SQLite file, told from its name alone.

        They lie in `artifacts/` beside a study's own `study.db`, in `team-artifacts/` beside any other `team.db`.
        """
        named = database.with_name(f"{database.stem}-artifacts")
        # up to 0.2 a study's own store that was given by its address had a folder of its own name
        return cls(database.with_name("artifacts"), named) if database.name == STORE_FILE else cls(named)

    def put(self, content: bytes) -> str:
        """Keep bytes; see `Artifacts.put`. A damaged copy is mended."""
        digest = sha256_of_bytes(content)
        path = _within(self.root, digest)
        with store_errors(str(path)):
            if not path.is_file() or path.read_bytes() != content:
                write_durably(path, content)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a digest; see `Artifacts.get`."""
        path = _within(self.root, digest)
        with store_errors(str(path)):
            if self.earlier is not None and not path.exists() and (older := _within(self.earlier, digest)).exists():
                path = older
            try:
                content = path.read_bytes()
            except FileNotFoundError as error:
                raise CorruptStoreError(
                    f"the artifact {path} is missing; put its folder back beside the store, or restore it from a backup"
                ) from error
        if sha256_of_bytes(content) != digest:
            raise CorruptStoreError(f"the artifact {path} is damaged; restore it from a backup or remove its trial")
        return content


@dataclass(frozen=True, slots=True)
class ArtifactTable:
    """Rows of a database that several machines share.

    Attributes:
        database: The database.
        max_bytes: Size of the largest artifact that is taken.
    """

    database: Database
    max_bytes: int = MAX_ROW_BYTES

    def put(self, content: bytes) -> str:
        """Keep bytes; see `Artifacts.put`. A damaged copy is mended."""
        if len(content) > self.max_bytes:
            raise StoreError(
                f"{self.database.where}: an artifact of {len(content):,} bytes exceeds {self.max_bytes:,}, the most "
                "that a database keeps; use a SQLite file as --store, or a lower --max-rank"
            )
        digest = sha256_of_bytes(content)
        with self.database.write() as connection:
            lock_ledger(connection)  # two workers may bring the same bytes
            known = connection.execute(select(ARTIFACTS.c.content).where(ARTIFACTS.c.digest == digest)).scalar()
            if known is None:
                connection.execute(insert(ARTIFACTS).values(digest=digest, content=content))
            elif bytes(known) != content:
                connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.digest == digest).values(content=content))
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a digest; see `Artifacts.get`."""
        query = select(ARTIFACTS.c.content).where(ARTIFACTS.c.digest == checked_digest(digest))
        with self.database.read() as connection:
            found = connection.execute(query).scalar()
        if found is None or sha256_of_bytes(bytes(found)) != digest:
            what = "missing" if found is None else "damaged"
            raise CorruptStoreError(f"{self.database.where}: the artifact {digest} is {what}; {RESTORE}")
        return bytes(found)


def _within(root: Path, digest: str) -> Path:
    return root / checked_digest(digest)[:2] / digest


def checked_digest(digest: str) -> str:
    """The digest, if it is one.

    Raises:
        StoreError: It is not a SHA-256.
    """
    if not _DIGEST.fullmatch(digest):
        raise StoreError(f"{printable(digest)!r} does not name an artifact; use 64 hexadecimal digits")
    return digest
