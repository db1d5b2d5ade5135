"""Bytes to disk so that a kill at any moment leaves the old file or the new one, and digests of what is there."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path

from darse.errors import InputError, StoreError

_UMASK = os.umask(0o077)
os.umask(_UMASK)
_SETTLED_S = 60.0
_PART = ".part"
"""Ends the hidden name of a file or folder that is being written."""
_REPLACED = ".replaced"
"""Ends the hidden name of a folder while a new one takes its place."""


def is_folder(name: str) -> bool:
    """Whether there is a folder of a name; False for what cannot be a name.

    >>> is_folder("."), is_folder(""), is_folder("a" * 5000)
    (True, False, False)
    """
    try:
        return name != "" and Path(name).is_dir()
    except (OSError, ValueError):
        return False


def write_durably(path: Path, content: bytes, *, follows_link: bool = False) -> None:
    """Replace a file by new content, all or nothing, and make it last.

    Temporary file in the same folder, flush, fsync, rename, fsync of the folder.

    Args:
        path: The file; its folder is made, durably too, if it is missing.
        content: The bytes.
        follows_link: Write what a link leads to, not in its place: for a name that the user has given. A folder that
            comes from somebody else must not name files to overwrite.

    Raises:
        StoreError: The folder cannot be written or the disk is full; the message names the path.
    """
    with replacing_file(path, follows_link=follows_link) as file:
        try:
            remaining = memoryview(content)
            while remaining:
                remaining = remaining[file.write(remaining) :]
        except OSError as error:
            raise cannot_write(path, error) from error


@contextlib.contextmanager
def replacing_file(path: Path, *, follows_link: bool = False) -> Iterator[FileIO]:
    """An unbuffered temporary file in the same folder; when the block ends well it takes the file's place and lasts.

    What the block raises passes as it is. What earlier calls left when they were killed is removed.

    Raises:
        StoreError: The folder cannot be written or the disk is full; the message names the path.
    """
    try:
        path = regular_file(path, follows_link=follows_link)
        _make_durably(path.parent)
        _remove_leftovers(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PART, dir=path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            _hold(handle)
            yield file
            _settle(path, temporary, file)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _settle(path: Path, temporary: Path, file: FileIO) -> None:
    try:
        os.fsync(file.fileno())
        permit(temporary, 0o666)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> StoreError:
    """What the disk said, as our error."""
    return StoreError(f"cannot write {path}: {error.strerror or error}; free some room or choose another --out")


def regular_file(path: Path, *, follows_link: bool) -> Path:
    """Where a file is to be written: never a device, a pipe or a folder.

    Raises:
        OSError: Something else than a regular file is there, or links lead to one another.
    """
    if path.is_symlink():
        if not follows_link:
            return path
        try:
            path = path.resolve()
        except RuntimeError as error:  # Python before 3.13
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is there and no regular file")
    return path


def _hold(handle: int) -> None:
    """Mark a temporary file or folder as being worked on, as long as this process lives or until it is closed."""
    with contextlib.suppress(OSError):  # a file system without locks: leftovers stay there
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files and folders of a path whose writers were killed."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.\w{{8}}{re.escape(_PART)}")
    for leftover in [one for one in path.parent.iterdir() if ours.fullmatch(one.name)]:
        with contextlib.suppress(OSError):
            # one that was made a moment ago may not be held yet
            if time.time() - leftover.lstat().st_mtime > _SETTLED_S and not _is_held(leftover):
                _remove(leftover)


def _is_held(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def permit(path: Path, mode: int) -> None:
    """Give a new file or folder the rights that the user's umask leaves of a mode."""
    path.chmod(mode & ~_UMASK)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if they are missing.

    Raises:
        StoreError: It cannot be made or written.
    """
    try:
        _make_durably(folder)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}; choose another --out") from error
    if not os.access(folder, os.W_OK):
        raise StoreError(f"the folder {folder} cannot be written; choose another --out")


def write_json(path: Path, value: object) -> None:
    """Write a value as readable JSON, durably; NaN is refused because no reader agrees on it."""
    write_durably(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


@contextlib.contextmanager
def replacing_folder(folder: Path, *, marker: str) -> Iterator[Path]:
    """An empty folder to fill; when the `with` block ends well it takes the place of the old one.

    A kill leaves the old folder or the new one. In one moment it leaves the old one under a hidden name; the next call
    puts it back.

    Args:
        folder: The folder to replace.
        marker: A file that an old folder must hold; a folder with anything else in it is refused, not deleted.

    Raises:
        InputError: The old folder is not ours to replace.
        StoreError: The disk refuses.
    """
    try:
        _make_durably(folder.parent)
        _restore(folder)
        _remove_leftovers(folder)
        refuse_foreign_folder(folder, marker=marker)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=_PART, dir=folder.parent))
        handle = os.open(new, os.O_RDONLY)
        _hold(handle)
        try:
            yield new
            for path in (*new.rglob("*"), new):
                permit(path, 0o777 if path.is_dir() else 0o666)  # other programs have written some of them
                sync(path)
            old = new.with_suffix(_REPLACED)
            with contextlib.ExitStack() as undo:
                if folder.exists():
                    folder.rename(old)
                    undo.callback(old.rename, folder)
                new.rename(folder)
                undo.pop_all()
            sync(folder.parent)
            _remove(old)
        finally:
            os.close(handle)
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror or error}; free some room") from error


def refuse_foreign_folder(folder: Path, *, marker: str) -> None:
    """Refuse a folder that `replacing_folder` would, for whoever has long work to do before.

    Raises:
        InputError: There is something else than a folder, or one with files but without its marker.
    """
    if folder.exists() and not (folder / marker).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is no earlier export; choose another folder")


def _restore(folder: Path) -> None:
    """Undo a replacement that was cut off: the old folder comes back where no new one has taken its place."""
    ours = re.compile(rf"\.{re.escape(folder.name)}\.\w{{8}}{re.escape(_REPLACED)}")
    # listed before the folder is looked for: what another process puts aside from now on is left alone
    for old in [path for path in folder.parent.iterdir() if ours.fullmatch(path.name)]:
        if folder.exists():
            _remove(old)
        else:
            old.rename(folder)
            sync(folder.parent)


def _make_durably(folder: Path) -> None:
    """Make a folder and every missing one above it, each name durable before anything is put inside."""
    if not folder.is_dir():
        _make_durably(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable, so that they survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def safetensors_metadata(content: bytes) -> dict[str, str]:
    """The texts that safetensors bytes hold beside their tensors; the package reads them from a file alone.

    Raises:
        ValueError: The bytes hold none.
    """
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    found = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(found, dict):
        raise ValueError("there is no metadata")
    return found


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits, read in pieces of one MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    """The SHA-256 of some bytes as 64 hexadecimal digits.

    >>> sha256_of_bytes(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def canonical_json(value: object) -> str:
    """A JSON value as text: sorted keys, no spaces, ASCII, floats that read back to the bit.

    Raises:
        ValueError: It holds NaN or an infinity.
        TypeError: It holds something that is not JSON.

    >>> canonical_json({"b": 0.1, "a": [1, None]})
    '{"a":[1,null],"b":0.1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def sha256_of_json(value: Mapping[str, object]) -> str:
    """The SHA-256 of a JSON value in its canonical form.

    >>> sha256_of_json({"b": 1, "a": 2}) == sha256_of_json({"a": 2, "b": 1})
    True
    """
    return sha256_of_bytes(canonical_json(value).encode())
