"""Bytes to files named by their SHA-256, and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from darse.errors import CorruptStoreError, StoreError
from darse.files import sha256_of_bytes, write_durably
from darse.names import printable
from darse.store.faults import store_errors

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ArtifactFolder:
    """A folder of files named by their content: `ab/abcdef...`.

    Attributes:
        root: The folder; made on the first write.
    """

    root: Path

    def put(self, content: bytes) -> str:
        """Keep bytes durably and return their SHA-256; equal bytes are kept once, a damaged copy is mended.

        Raises:
            StoreError: The folder cannot be written or the disk is full; the message names the path.
        """
        digest = sha256_of_bytes(content)
        path = self._path(digest)
        with store_errors(str(path)):
            if not path.is_file() or path.read_bytes() != content:
                write_durably(path, content)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            StoreError: It is not a SHA-256 or the file cannot be read.
            CorruptStoreError: The file is missing or changed.
        """
        path = self._path(digest)
        with store_errors(str(path)):
            try:
                content = path.read_bytes()
            except FileNotFoundError as error:
                raise CorruptStoreError(
                    f"the artifact {path} is missing; restore the artifacts folder from a backup"
                ) from error
        if sha256_of_bytes(content) != digest:
            raise CorruptStoreError(f"the artifact {path} is damaged; restore it from a backup or remove its trial")
        return content

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise StoreError(f"{printable(digest)!r} does not name an artifact; use 64 hexadecimal digits")
        return self.root / digest[:2] / digest
