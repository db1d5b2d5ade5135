"""A path from outside to an open regular file whose first bytes fit its name, or one clear error."""

from __future__ import annotations

import codecs
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from darse.data.row import MAX_RECORD_CHARACTERS
from darse.errors import DataError
from darse.names import first_line, printable

_SNIFFED_BYTES = 1 << 16
_SEARCHED_BYTES = 1 << 20
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_MAGIC = {
    b"\x1f\x8b": ("a gzip archive", "unpack it first (gunzip)"),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV UTF-8"),
    b"PK\x05\x06": ("an empty zip archive", "give the labelled file itself"),
    b"\xfd7zXZ\x00": ("an xz archive", "unpack it first (unxz)"),
    b"\x28\xb5\x2f\xfd": ("a zstd archive", "unpack it first (unzstd)"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it first"),
    b"PAR1": ("a Parquet file", "name it .parquet"),
    b"ARROW1": ("an Arrow file", "save it as Parquet"),
    b"SQLite format 3\x00": ("an SQLite database", "export the table as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", "save the sheet as CSV UTF-8"),
    b"\x89HDF": ("an HDF5 file", "save it as CSV or Parquet"),
    b"%PDF": ("a PDF", "give a labelled file"),
    b"\x7fELF": ("a program", "give a labelled file"),
    b"version https://git-lfs": ("a Git LFS pointer, not the data", "fetch the data (git lfs pull)"),
    **{b"BZh%d1AY&SY" % level: ("a bzip2 archive", "unpack it first (bunzip2)") for level in range(1, 10)},
    **{
        b"\x80" + bytes([version]): ("a pickle, which is never opened because it runs code", "save it as CSV")
        for version in range(2, 6)
    },
}
_BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
_WESTERN = "cp1252"
"""What Excel writes in Western Europe where it is not asked for UTF-8: Latin-1 with the euro sign and real quotes."""


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """An open regular file; what it is is asked of the open file, so that it cannot be swapped in between.

    A link is followed; a pipe, a device or a folder is refused without waiting for it.

    Raises:
        DataError: There is no such file, it is empty or no regular file, it may not or cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        _refuse_irregular(path, path.stat().st_mode)
        handle = os.open(path, flags)
    except FileNotFoundError as error:
        raise DataError("there is no such file; check the path", path=path) from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be opened: {_reason(error)}", path=path) from error
    with os.fdopen(handle, "rb") as file:
        _refuse_irregular(path, os.fstat(file.fileno()).st_mode)
        try:
            if not file.read(1):
                raise DataError("the file is empty; give one with a header and labelled rows", path=path)
            file.seek(0)
            yield file
        except OSError as error:
            raise DataError(f"cannot be read: {_reason(error)}", path=path) from error


@contextmanager
def open_lines(path: Path, encoding: str | None = None) -> Iterator[Iterator[str]]:
    """The lines of a text file with their ends, decoded strictly.

    Lines end where the first line does: at LF, or at CR in a file that has only those.

    Args:
        path: The file.
        encoding: Of the text; None means what its byte order mark says, else UTF-8.

    Raises:
        DataError: It cannot be opened, is an archive, a pickle or another binary file under a wrong name, is
            not in its encoding, or has a line too long to be labelled text.
    """
    with open_regular(path) as file:
        start = file.read(_SNIFFED_BYTES)
        file.seek(0)
        found = _find_encoding(path, start, encoding)
        newline = "\r" if _ends_lines_with_cr(start.decode(found, "replace")) else "\n"
        with io.TextIOWrapper(file, encoding=found, newline=newline) as text:
            yield _read_lines(path, text, newline, is_given=encoding is not None)


def find_encoding(path: Path, encoding: str | None = None) -> str:
    """The encoding that `open_lines` reads a file with, as Python names it.

    Raises:
        DataError: As `open_lines`.
    """
    with open_regular(path) as file:
        return _find_encoding(path, file.read(_SNIFFED_BYTES), encoding)


def find_bad_byte(
    path: Path, encoding: str, newline: str, *, piece_bytes: int = _SEARCHED_BYTES
) -> tuple[int, int, int | None]:
    """Line (from 1), offset (from 0) and value of the first byte that is not in an encoding.

    There is no such byte where the text does not begin as the encoding wants it (UTF-16 without a byte order mark).

    Args:
        path: The file.
        encoding: As Python names it.
        newline: What ends its lines.
        piece_bytes: In memory at a time.

    Raises:
        DataError: The file cannot be read.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with open_regular(path) as file:
        while True:
            before, piece = decoder.getstate(), file.read(piece_bytes)
            try:
                line += decoder.decode(piece, final=not piece).count(newline)
            except UnicodeDecodeError as error:
                # what the decoder speaks of ends with the piece and may begin before it
                left = len(error.object) - error.start
                decoder.setstate(before)
                line += decoder.decode(piece[: max(0, len(piece) - left)]).count(newline)
                return line, file.tell() - left, error.object[error.start]
            except UnicodeError:
                break
            if not piece:
                break
    return line, 0, None


def _find_encoding(path: Path, start: bytes, given: str | None) -> str:
    """The encoding of a file that begins like this; an error if it is no text, or none that can be told."""
    for magic, (kind, remedy) in _MAGIC.items():
        if start.startswith(magic):
            raise DataError(f"the file is {kind}; {remedy}", path=path)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)
    if given is not None:
        asked = codecs.lookup(given).name
        if marked is None:
            return asked
        if not asked.startswith(marked.removesuffix("-sig")):
            raise DataError(
                f"its byte order mark says {marked.removesuffix('-sig')}, --encoding says {given}; drop --encoding",
                path=path,
            )
    if marked is None and start.count(0) * 4 > len(start):
        order = "be" if start[::2].count(0) > start[1::2].count(0) else "le"
        raise DataError(
            "more than a quarter of the first bytes are zero: UTF-16 without a byte order mark, or no text at all;"
            f" if it is text, give --encoding utf-16-{order}, or save it as UTF-8, for example with:"
            f" iconv -f UTF-16{order.upper()} -t UTF-8 FILE > NEW",
            path=path,
        )
    return marked or "utf-8"


def _read_lines(path: Path, text: io.TextIOWrapper, newline: str, *, is_given: bool) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        try:
            line = text.readline(MAX_RECORD_CHARACTERS + 1)
        except UnicodeError as error:
            raise _undecodable(path, text, newline, error, is_given=is_given) from error
        if not line:
            return
        if len(line) > MAX_RECORD_CHARACTERS:
            raise DataError(
                f"the line is longer than {MAX_RECORD_CHARACTERS:,} characters; put each record on a line",
                path=path,
                line=number,
            )
        yield line


def _undecodable(path: Path, text: io.TextIOWrapper, newline: str, error: UnicodeError, *, is_given: bool) -> DataError:
    """The error for text that is not in its encoding, with line, byte offset and remedy."""
    encoding = text.encoding
    line, offset, byte = find_bad_byte(path, encoding, newline)
    found = "the text" if byte is None else f"byte 0x{byte:02X} at offset {offset}"
    if byte is not None and encoding.startswith("utf-8"):
        problem = f"is not UTF-8{_remedy(byte)}"
    elif is_given:
        why = f" ({first_line(error)})" if byte is None else ""
        problem = f"is not in --encoding {encoding}{why}; name the right one"
    else:
        problem = f"is not valid {encoding} although the byte order mark says so; save the file as UTF-8"
    return DataError(f"{found} {problem}", path=path, line=line)


def _remedy(byte: int) -> str:
    """What to do with a file that has a byte which UTF-8 does not allow there."""
    try:
        character = bytes([byte]).decode(_WESTERN)
    except UnicodeDecodeError:
        return "; name its --encoding (cp1250, shift_jis, ...), or save the file as UTF-8"
    return (
        f" (in {_WESTERN}, as Excel writes, it would be {character!r}); give --encoding {_WESTERN}, or save the file"
        f" as UTF-8, for example with: iconv -f {_WESTERN.upper()} -t UTF-8 FILE > NEW"
    )


def _refuse_irregular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise DataError(f"the path is {kind}; give a regular file", path=path)


def _reason(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return printable(text.strip().partition("\n")[0], 200)


def _ends_lines_with_cr(start: str) -> bool:
    return "\r" in start[:-1] and "\n" not in start
