"""I1 and I7: hostile files end as rows and counted rejects or as one DataError; memory stays bounded."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle  # noqa: TID251 - a canary: it is written here and never to be read
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from darse.cli.main import run
from darse.data.load import load_labelled
from darse.errors import DataError
from darse.settings import DataSettings

GOOD_ROWS = [(f"good text {i}", "positive" if i % 2 else "negative") for i in range(40)]
LONG = 9 << 20


def csv_with(*, head: str = "text,label", before: str = "", after: str = "", end: str = "\n") -> bytes:
    rows = "".join(f"{text},{label}{end}" for text, label in GOOD_ROWS)
    return f"{head}{end}{before}{rows}{after}".encode("utf-8", "surrogatepass")


def json_with(*lines: str) -> bytes:
    good = (json.dumps({"text": text, "label": label}) for text, label in GOOD_ROWS)
    return "\n".join([*good, *lines]).encode("utf-8", "surrogatepass")


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.csv", content)
    return buffer.getvalue()


def parquet_with(**columns: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


class Canary:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


GOOD = csv_with()
TEXT, LABEL = [text for text, _ in GOOD_ROWS], [label for _, label in GOOD_ROWS]
INDEXED = b",text,label\n" + b"".join(f"{i},{t},{c}\n".encode() for i, (t, c) in enumerate(GOOD_ROWS))
TWELVE = b"text,label\n" + b"".join(b"text %d,%s\n" % (i, b"a" if i % 2 else b"b") for i in range(12))
FREE = b"text,label\n" + b"".join(b"text %d,label %d\n" % (i, i) for i in range(150))
ARRAY = b"[\n" + b",\n".join(json_with().split(b"\n")) + b"\n]"
HUGE_FIELD = GOOD + b'"' + (b"x" * 4095 + b"\n") * (LONG // 4096) + b'",positive\n'
BROKEN_LATER = csv_with(before='"open,positive\n', after='"a" b,c\n')
GOOD_PARQUET = parquet_with(text=TEXT, label=LABEL)

LOADED: dict[str, tuple[str, bytes, int]] = {
    "plain": ("a.csv", GOOD, 0),
    "bom": ("a.csv", b"\xef\xbb\xbf" + GOOD, 0),
    "utf-16 with mark": ("a.csv", GOOD.decode().encode("utf-16"), 0),
    "utf-16 big endian with mark": ("a.csv", b"\xfe\xff" + GOOD.decode().encode("utf-16-be"), 0),
    "utf-32 with mark": ("a.csv", GOOD.decode().encode("utf-32"), 0),
    "crlf": ("a.csv", csv_with(end="\r\n"), 0),
    "lone cr line ends": ("a.csv", csv_with(end="\r"), 0),
    "blank lines": ("a.csv", csv_with(before="\n\n\r\n"), 0),
    "pandas index": ("a.csv", INDEXED, 0),
    "upper-case suffix": ("A.CSV", GOOD, 0),
    "semicolons": ("a.csv", GOOD.replace(b",", b";"), 0),
    "tabs in a csv": ("a.csv", GOOD.replace(b",", b"\t"), 0),
    "bars": ("a.csv", GOOD.replace(b",", b"|"), 0),
    "formula cells": ("a.csv", csv_with(after='"=cmd|\' /C calc\'!A0",positive\n@SUM(1),negative\n'), 0),
    "escape sequences": ("a.csv", csv_with(after="\x1b[2J\x1b]0;evil\x07,positive\n"), 0),
    "right to left": ("a.csv", csv_with(after="\u202eevil\u2066,positive\n"), 0),
    "script": ("a.csv", csv_with(after="<script>alert(1)</script>,positive\n"), 0),
    "emoji": ("a.csv", csv_with(after="👩‍👩‍👧‍👦 fine,positive\n"), 0),
    "field of 200,000": ("a.csv", csv_with(after=f"{'x' * 200_000},positive\n"), 1),
    "nul in a row": ("a.csv", csv_with(after="a\0b,positive\n"), 1),
    "nul in a label": ("a.csv", csv_with(after="ab,posi\0tive\n"), 1),
    "lone cr in a field": ("a.csv", csv_with(after="a\rb,positive\n"), 1),
    "too many fields": ("a.csv", csv_with(after="a,b,c,d\n"), 1),
    "too few fields": ("a.csv", csv_with(after="a\n"), 1),
    "only commas": ("a.csv", csv_with(after="," * 100_000 + "\n"), 1),
    "broken quote in a row": ("a.csv", csv_with(after='"a" b,positive\n'), 1),
    "empty text": ("a.csv", csv_with(after=",positive\n"), 1),
    "blank text": ("a.csv", csv_with(after=" \u3000,positive\n"), 1),
    "empty label": ("a.csv", csv_with(after="text,\n"), 1),
    "conflict": ("a.csv", csv_with(after="same,positive\nSame,negative\n"), 0),
    "no end of line": ("a.csv", GOOD.rstrip(b"\n"), 0),
    "control z at the end": ("a.csv", GOOD + b"\x1a", 1),
    "jsonl": ("a.jsonl", json_with(), 0),
    "jsonl crlf": ("a.jsonl", json_with().replace(b"\n", b"\r\n"), 0),
    "jsonl bom": ("a.jsonl", b"\xef\xbb\xbf" + json_with(), 0),
    "json nested": ("a.jsonl", json_with('{"text": ["a"], "label": {"b": 1}}'), 1),
    "json nan": ("a.jsonl", json_with('{"text": "a", "label": NaN}'), 1),
    "json infinity": ("a.jsonl", json_with('{"text": "a", "label": -Infinity}'), 1),
    "json big integer": ("a.jsonl", json_with('{"text": "a", "label": ' + "7" * 5000 + "}"), 1),
    "json big exponent": ("a.jsonl", json_with('{"text": "a", "label": 1e99999}'), 1),
    "json deep": ("a.jsonl", json_with("[" * 500_000), 1),
    "json deep objects": ("a.jsonl", json_with('{"a":' * 200_000), 1),
    "json lone surrogate": ("a.jsonl", json_with('{"text": "a\\ud800", "label": "positive"}'), 1),
    "json surrogate label": ("a.jsonl", json_with('{"text": "a", "label": "\\udfff"}'), 1),
    "json duplicate key": ("a.jsonl", json_with('{"text": "a", "text": "b", "label": "positive"}'), 1),
    "json array line": ("a.jsonl", json_with('["a", "positive"]'), 1),
    "json null": ("a.jsonl", json_with("null"), 1),
    "json cut": ("a.jsonl", json_with('{"text": "a", "la'), 1),
    "json two on a line": ("a.jsonl", json_with('{"text": "a"}{"text": "b"}'), 1),
    "json bool": ("a.jsonl", json_with('{"text": "a", "label": true}'), 1),
    "json missing key": ("a.jsonl", json_with('{"label": "positive"}'), 1),
    "json text is a number": ("a.jsonl", json_with('{"text": 5, "label": "positive"}'), 1),
    "json nul": ("a.jsonl", json_with('{"text": "a\\u0000", "label": "positive"}'), 1),
    "json single quotes": ("a.jsonl", json_with("{'text': 'a', 'label': 'positive'}"), 1),
    "json many keys": ("a.jsonl", json_with(json.dumps({f"k{i}": i for i in range(50_000)})), 1),
    "parquet": ("a.parquet", GOOD_PARQUET, 0),
    "parquet with nulls": ("a.parquet", parquet_with(text=[*TEXT, None], label=[*LABEL, "positive"]), 1),
    "parquet with lists": ("a.parquet", parquet_with(text=TEXT, label=LABEL, tags=[[1]] * 40), 0),
    "parquet with labels of numbers": ("a.parquet", parquet_with(text=TEXT, label=[0, 1] * 20), 0),
}  # fmt: skip

REFUSED: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "is empty"),
    "only a mark": ("a.csv", b"\xef\xbb\xbf", "no header"),
    "only blank lines": ("a.csv", b"\n\n\n", "no header"),
    "header only": ("a.csv", b"text,label\n", "no rows"),
    "header only without an end": ("a.csv", b"text,label", "no rows"),
    "duplicate columns": ("a.csv", csv_with(head="text,text"), "stands twice"),
    "duplicate columns but for space": ("a.csv", csv_with(head="text,text "), "stands twice"),
    "empty column names": ("a.csv", csv_with(head=","), "names no column"),
    "nul in the header": ("a.csv", csv_with(head="te\0xt,label"), "NUL"),
    "broken header": ("a.csv", csv_with(head='"text" x,label'), "quotes are broken"),
    "open quote in the header": ("a.csv", csv_with(head='"text,label'), "never closed"),
    "open quote at the end": ("a.csv", csv_with(after='"never closed,positive\n'), "never closed"),
    "open quote in the middle": ("a.csv", BROKEN_LATER, "runs on to line"),
    "two separators": ("a.csv", csv_with(head="text;a,label"), "separated by .*; say which it is with --separator"),
    "a quote without an end before separators": ("a.csv", csv_with(head='"text;label'), "never closed"),
    "commas in a tsv": ("a.tsv", GOOD, "separated by ','"),
    "latin-1": ("a.csv", GOOD + "caf\xe9,positive\n".encode("latin-1"), "byte 0xE9 at offset"),
    "windows-1252": ("a.csv", GOOD + b"\x93quoted\x94,positive\n", "byte 0x93 at offset"),
    "overlong utf-8": ("a.csv", GOOD + b"\xc0\xaf,positive\n", "byte 0xC0"),
    "surrogate in utf-8": ("a.csv", GOOD + b"\xed\xa0\x80,positive\n", "byte 0xED"),
    "cut utf-8": ("a.csv", GOOD + b"\xf0\x9f\x98", "byte 0xF0"),
    "utf-16 without mark": ("a.csv", GOOD.decode().encode("utf-16-le"), "UTF-16 without"),
    "utf-16 cut": ("a.csv", GOOD.decode().encode("utf-16")[:-1], "not valid utf-16"),
    "utf-16 lone surrogate": ("a.csv", b"\xff\xfe" + b"\x00\xd8a\x00" * 50, "not valid utf-16"),
    "utf-32 nonsense": ("a.csv", b"\xff\xfe\x00\x00" + b"\xff" * 400, "not valid utf-32"),
    "zeros": ("a.csv", b"\0" * 100_000, "are zero"),
    "huge line": ("a.csv", GOOD + b"x" * LONG, "longer than"),
    "huge quoted field": ("a.csv", HUGE_FIELD, "longer than"),
    "huge header": ("a.csv", b"x" * LONG, "longer than"),
    "huge quotes": ("a.csv", GOOD + b'"' * LONG, "longer than"),
    "wide header": ("a.csv", b",".join(b"c%d" % i for i in range(9000)) + b"\n", "9000 columns"),
    "jsonl huge line": ("a.jsonl", json_with('{"text": "' + "x" * LONG), "longer than"),
    "jsonl empty": ("a.jsonl", b"\n \n", "no rows"),
    "jsonl is an array": ("a.jsonl", ARRAY, "rows cannot be used"),
    "jsonl latin-1": ("a.jsonl", json_with() + b'\n{"text": "caf\xe9"}', "byte 0xE9"),
    "csv named jsonl": ("a.jsonl", GOOD, "rows cannot be used"),
    "jsonl named csv": ("a.csv", json_with(), "no column is"),
    "html named csv": ("a.csv", b"<!DOCTYPE html><html><body>404</html>\n<p>gone</p>\n", "no column is"),
    "gzip named csv": ("a.csv", gzip.compress(GOOD), "gzip"),
    "gzip named jsonl": ("a.jsonl", gzip.compress(GOOD), "gzip"),
    "gzip": ("a.csv.gz", gzip.compress(GOOD), "is not known"),
    "zip named csv": ("a.csv", zipped(GOOD), "zip archive or an Excel"),
    "xlsx": ("a.xlsx", zipped(GOOD), "is not known"),
    "zip bomb named csv": ("a.csv", zipped(b"\0" * (128 << 20)), "zip archive or an Excel"),
    "zip bomb named parquet": ("a.parquet", zipped(b"\0" * (128 << 20)), "does not begin like"),
    "a zip behind rows": ("a.csv", GOOD + zipped(GOOD), "byte 0x"),
    "empty zip": ("a.csv", b"PK\x05\x06" + b"\0" * 18, "empty zip"),
    "bzip2 named csv": ("a.csv", b"BZh91AY&SY" + b"\x01" * 50, "bzip2"),
    "xz named csv": ("a.csv", b"\xfd7zXZ\x00" + b"\x01" * 50, "xz archive"),
    "zstd named csv": ("a.csv", b"\x28\xb5\x2f\xfd" + b"\x01" * 50, "zstd"),
    "7z named csv": ("a.csv", b"7z\xbc\xaf\x27\x1c" + b"\x01" * 50, "7z"),
    "old Excel named csv": ("a.csv", b"\xd0\xcf\x11\xe0" + b"\x01" * 50, "Excel"),
    "sqlite named csv": ("a.csv", b"SQLite format 3\x00" + b"\x01" * 50, "SQLite"),
    "hdf5 named csv": ("a.csv", b"\x89HDF\r\n\x1a\n" + b"\x01" * 50, "HDF5"),
    "pdf named csv": ("a.csv", b"%PDF-1.7\n" * 50, "PDF"),
    "program named csv": ("a.csv", b"\x7fELF" + b"\x01" * 50, "program"),
    "arrow named csv": ("a.csv", b"ARROW1\0\0", "Arrow"),
    "parquet named csv": ("a.csv", GOOD_PARQUET, "name it .parquet"),
    "parquet named jsonl": ("a.jsonl", GOOD_PARQUET, "name it .parquet"),
    "git lfs pointer": ("a.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    "csv named parquet": ("a.parquet", GOOD, "does not begin like"),
    "gzip named parquet": ("a.parquet", gzip.compress(GOOD_PARQUET), "does not begin like"),
    "parquet magic only": ("a.parquet", b"PAR1", "damaged"),
    "parquet magic twice": ("a.parquet", b"PAR1PAR1", "damaged"),
    "parquet with a huge footer": ("a.parquet", b"PAR1" + b"\xff\xff\xff\x7fPAR1", "damaged"),
    "parquet cut": ("a.parquet", GOOD_PARQUET[: len(GOOD_PARQUET) // 2], "damaged"),
    "parquet with a lost head": ("a.parquet", b"PAR1" + GOOD_PARQUET[200:], "damaged|is not|cannot be"),
    "parquet without rows": ("a.parquet", parquet_with(text=pa.array([], pa.string())), "no rows"),
    "parquet of bytes": ("a.parquet", parquet_with(text=[b"a"] * 40, label=LABEL), "no column is"),
    "no suffix": ("labels", GOOD, "is not known"),
    "unknown suffix": ("a.txt", GOOD, "is not known"),
    "json": ("a.json", b"[]", "is not known"),
    "one class": ("a.csv", GOOD.replace(b"positive", b"negative"), "at least two classes"),
    "all rejected": ("a.csv", b"text,label\n" + b"a\n" * 100, "100 of 100 rows cannot be used .line 2: "),
    "mostly rejected": ("a.csv", csv_with(after="a\n" * 41), "41 of 81 rows cannot be used .line 42: "),
    "too few rows": ("a.csv", TWELVE, "only 12"),
    "free text labels": ("a.csv", FREE, "no column is"),
    "no columns of ours": ("a.csv", b"foo,bar\n" + b"a,b\n" * 40, "The columns are: foo, bar"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOADED)
def test_a_hostile_file_ends_as_rows_and_counted_rejects(tmp_path: Path, name: str) -> None:
    file, content, rejected = LOADED[name]
    path = tmp_path / file
    path.write_bytes(content)
    data = load_labelled(path, DataSettings(), seed=0)
    check = data.check
    assert sum(check.rejected.values()) == len(check.rejected_rows) == rejected
    assert check.kept >= 40
    assert check.rows == check.kept + rejected + check.duplicates + check.conflicts


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_ends_as_one_error_that_names_it(tmp_path: Path, name: str) -> None:
    file, content, message = REFUSED[name]
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_labelled(path, DataSettings(), seed=0)
    told = str(caught.value)
    assert told.startswith(str(path))
    assert len(told) < len(str(path)) + 600
    assert not any(ord(character) < 32 for character in told)
    if "byte 0x" in message or "longer than" in message or "quote" in message:
        assert caught.value.line is not None


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("open quote in the middle", 2),
        ("broken header", 1),
        ("latin-1", 42),
        ("cut utf-8", 42),
        ("huge line", 42),
        ("jsonl latin-1", 41),
        ("mostly rejected", None),
        ("utf-16 without mark", None),
        ("duplicate columns", 1),
        ("zip named csv", None),
        ("parquet with a huge footer", None),
        ("empty", None),
    ],
)
def test_a_hostile_file_ends_the_command_with_one_line_that_names_it_and_exit_2(
    name: str, line: int | None, tiny_bert: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, content, message = REFUSED[name]
    path, out = tmp_path / file, tmp_path / "out"
    path.write_bytes(content)
    assert run(["explore", str(path), "--model", str(tiny_bert), "--out", str(out), "--quiet"]) == 2
    captured = capfd.readouterr()
    assert not captured.out
    (said,) = captured.err.splitlines()
    assert said.startswith(f"darse: {path}:{'' if line is None else f'{line}:'} ")
    assert re.search(message, said)
    assert sorted(tmp_path.iterdir()) == [path], "nothing is written before the file is known to be good"


def test_there_are_as_many_hostile_files_as_promised() -> None:
    assert len(LOADED) + len(REFUSED) >= 120


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "gone.csv").symlink_to("nowhere.csv")
    (tmp_path / "to-pipe.csv").symlink_to("pipe.csv")
    (tmp_path / "memory.csv").symlink_to("/proc/self/mem")
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 7
    for path in [*paths, Path("/dev/zero"), Path("/dev/null")]:
        with pytest.raises(DataError):
            load_labelled(path, DataSettings(), seed=0)


def test_a_link_that_ends_at_a_regular_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(GOOD)
    (tmp_path / "link.csv").symlink_to("real.csv")
    assert load_labelled(tmp_path / "link.csv", DataSettings(), seed=0).check.kept == 40


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.parquet", "a.pkl", "a"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_under_any_name_is_never_run(tmp_path: Path, name: str, protocol: int) -> None:
    canary = tmp_path / "canary"
    (tmp_path / name).write_bytes(pickle.dumps(Canary(canary), protocol=protocol))
    with pytest.raises(DataError):
        load_labelled(tmp_path / name, DataSettings(), seed=0)
    assert not canary.exists()


def test_a_pickle_in_a_repository_is_never_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("train.pkl", "train.pickle", "train.csv", "train.npy"):
        (folder / name).write_bytes(pickle.dumps(Canary(canary)))
    (folder / "repository.py").write_text(f"import os; os.mkdir({str(canary)!r})")
    with pytest.raises(DataError):
        load_labelled(folder, DataSettings(), seed=0)
    assert not canary.exists()


HUNGRY = {
    "a line without an end": ("a.csv", "b'text,label\\n' + b'x' * (128 << 20)"),
    "a quote without an end": ("a.csv", "b'text,label\\n\"' + (b'x' * 99 + b'\\n') * (5 << 18)"),
    "a header without an end": ("a.csv", "b'\"text' + (b'x' * 99 + b'\\n') * (5 << 18)"),
    "json without an end": ("a.jsonl", "b'{\"text\": \"' + b'x' * (128 << 20)"),
    "many rows of 1 MiB": ("a.csv", "b'text,label\\n' + (b'x' * (1 << 20) + b',a\\n') * 128"),
    "rows that are all rejected": ("a.csv", "b'text,label\\n' + (b'x' * 999 + b'\\n') * (128 << 10)"),
}


@pytest.mark.parametrize("name", HUNGRY)
def test_memory_does_not_grow_with_a_hostile_file(tmp_path: Path, name: str) -> None:
    file, content = HUNGRY[name]
    path = tmp_path / file
    subprocess.run([sys.executable, "-c", f"import sys; open(sys.argv[1], 'wb').write({content})", path], check=True)
    code = (
        "import resource, sys, numpy; from darse.data.load import load_labelled\n"
        "from darse.errors import DataError; from darse.settings import DataSettings\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: load_labelled(sys.argv[1], DataSettings(), seed=0)\n"
        "except DataError: print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, path], env=environment, capture_output=True, check=True, text=True
    )
    path.unlink()
    assert int(done.stdout) < 100


def test_a_parquet_file_that_repeats_one_huge_string_stays_small(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 5_000_000]))
    pq.write_table(pa.table({"text": text, "label": LABEL * 500}), tmp_path / "a.parquet", store_schema=False)
    with pytest.raises(DataError, match="longer than"):
        load_labelled(tmp_path / "a.parquet", DataSettings(), seed=0)
