from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.data.open_file import find_bad_byte
from darse.data.read import FORMATS, how_read, read_columns, read_rows
from darse.data.reading import Reading
from darse.data.row import MAX_COLUMNS, MAX_RECORD_CHARACTERS, Row, Unusable
from darse.data.write import write_rows
from darse.errors import DataError
from tests.data.samples import csv_text, write


def read(path: Path, reading: Reading = Reading()) -> list[Row]:  # noqa: B008 - it is frozen
    return list(read_rows(path, reading))


def test_rows_of_a_csv_carry_the_line_where_they_begin(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "a.csv", 'text,label\n"two\nlines",a\n\nnext,b\n'))
    assert [(row.line, dict(row.cells)) for row in rows] == [
        (2, {"text": "two\nlines", "label": "a"}),
        (5, {"text": "next", "label": "b"}),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_how_the_text_is_read(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.csv", "text,label\nçà va,a\n".encode(encoding))
    assert [dict(row.cells) for row in read(path)] == [{"text": "çà va", "label": "a"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_usual_line_end_gives_the_same_rows(tmp_path: Path, end: str) -> None:
    rows = read(write(tmp_path / "a.csv", csv_text(5, end=end)))
    assert [row.line for row in rows] == [2, 3, 4, 5, 6]
    assert rows[4].cells["label"] == "negative"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "head", ["text{0}label", '"text"{0}"label"', '"te""x, ; \t | t"{0}label', '"te\n;,xt"{0}label']
)
def test_the_header_of_a_csv_tells_its_separator(tmp_path: Path, separator: str, head: str) -> None:
    other = ";" if separator == "," else ","
    path = write(tmp_path / "a.csv", "\n" + head.format(separator) + f'\nfine{other} but{separator}"a{separator}b"\n')
    (row,) = read(path)
    assert list(row.cells.values()) == [f"fine{other} but", f"a{separator}b"]
    shown = {"\t": "tab"}.get(separator, separator)
    assert how_read(path, Reading()) == ({} if separator == "," else {"separator": shown})


@pytest.mark.parametrize("head", ['5" screen;or more,label', "text,label;class", "a|b;c"])
def test_a_header_with_two_separators_is_refused_until_one_is_named(tmp_path: Path, head: str) -> None:
    path = write(tmp_path / "a.csv", f"{head}\nx,y;z\n")
    with pytest.raises(DataError, match=r"a\.csv:1: the header could be separated by .* --separator"):
        read(path)
    assert list(read(path, Reading(separator=";"))[0].cells) == head.split(";")


def test_a_quote_in_the_middle_of_a_name_opens_nothing(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.csv", '5" screen;label\nfine;a\n'))[0].cells == {'5" screen': "fine", "label": "a"}


def test_a_separator_that_is_named_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "text^label\nfine, really^a\n")
    assert read(path, Reading(separator="^"))[0].cells == {"text": "fine, really", "label": "a"}
    assert how_read(path, Reading(separator="^")) == {"separator": "^"}


@pytest.mark.parametrize(
    ("name", "reading", "message"),
    [
        ("a.jsonl", Reading(separator=";"), "drop --separator"),
        ("a.parquet", Reading(separator=";"), "drop --separator"),
        ("a.parquet", Reading(encoding="cp1252"), "drop --encoding"),
    ],
)
def test_a_reading_that_a_format_does_not_have_is_refused(
    tmp_path: Path, name: str, reading: Reading, message: str
) -> None:
    write_rows(tmp_path / name, ["text"], [{"text": "fine"}])
    with pytest.raises(DataError, match=message):
        read(tmp_path / name, reading)


@pytest.mark.parametrize(("name", "encoding"), [("a.csv", "cp1252"), ("a.jsonl", "utf-16-le"), ("a.tsv", "shift_jis")])
def test_an_encoding_that_is_named_is_taken(tmp_path: Path, name: str, encoding: str) -> None:
    text = "5 \u20ac f\u00fcr Gr\u00fc\u00dfe" if encoding == "cp1252" else "\u5bff\u53f8"
    lines = {
        "a.csv": f"text\n{text}\n",
        "a.tsv": f"text\n{text}\n",
        "a.jsonl": json.dumps({"text": text}, ensure_ascii=False),
    }
    path = write(tmp_path / name, lines[name].encode(encoding))
    assert read(path, Reading(encoding=encoding))[0].cells["text"] == text
    assert how_read(path, Reading(encoding=encoding)) == {"encoding": encoding}


def test_an_encoding_that_the_byte_order_mark_belies_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\nfine\n".encode("utf-8-sig"))
    assert read(path, Reading(encoding="utf-8"))[0].cells == {"text": "fine"}
    with pytest.raises(DataError, match="byte order mark says utf-8, --encoding says cp1252; drop --encoding"):
        read(path, Reading(encoding="cp1252"))


@pytest.mark.parametrize(
    ("encoding", "byte"), [("cp1252", b"\x81"), ("utf-16", b"a"), ("shift_jis", b"\xff"), ("ascii", b"\xe9")]
)
def test_a_text_that_is_not_in_the_encoding_named_is_refused(tmp_path: Path, encoding: str, byte: bytes) -> None:
    with pytest.raises(DataError, match=f"not in --encoding {encoding}|UTF-16|longer"):
        read(write(tmp_path / "a.csv", "text\nfine\n".encode(encoding) + byte), Reading(encoding=encoding))


def test_a_file_that_excel_wrote_is_answered_with_the_right_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text;label\n5 \u20ac;a\n".encode("cp1252"))
    with pytest.raises(DataError) as caught:
        read(path)
    said = str(caught.value)
    assert "in cp1252, as Excel writes, it would be '\u20ac'" in said
    assert "--encoding cp1252" in said
    assert "iconv -f CP1252 -t UTF-8" in said


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_without_a_mark_is_answered_with_its_byte_order(tmp_path: Path, order: str) -> None:
    path = write(tmp_path / "a.csv", "text,label\nfine,a\n".encode(f"utf-16-{order}"))
    with pytest.raises(DataError, match=f"--encoding utf-16-{order}.*iconv -f UTF-16{order.upper()} -t UTF-8"):
        read(path)
    assert read(path, Reading(encoding=f"utf-16-{order}"))[0].cells == {"text": "fine", "label": "a"}


def test_a_dotted_path_is_a_cell_where_the_row_has_no_such_key(tmp_path: Path) -> None:
    lines = [
        '{"a": {"b": {"c": 1}}}',
        '{"a.b.c": 2, "a": {"b": {"c": 1}}}',
        '{"a": {"b": 3}}',
        '{"a": null}',
        '{"a": {"b": {"c": [1]}}}',
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(lines))
    cells = [row.cells.get("a.b.c") for row in read(path, Reading(nested=("a.b.c",)))]
    assert cells == [1, 2, None, None, Unusable("a list")]
    assert all("a.b.c" not in row.cells for row in read(path) if row.line != 2)
    assert read_columns(path, Reading(nested=("a.b.c",))) == ["a", "a.b.c"]


def test_a_tsv_is_separated_by_tabs(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.tsv", "text\tlabel\na, b\tx\n"))[0].cells == {
        "text": "a, b",
        "label": "x",
    }


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.csv", ",text,label\n0,fine,a\n"))[0].cells == {
        "text": "fine",
        "label": "a",
    }


def test_a_field_beyond_the_standard_limit_is_read(tmp_path: Path) -> None:
    long = "x" * 200_000
    assert read(write(tmp_path / "a.csv", f"text,label\n{long},a\n"))[0].cells["text"] == long


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("a,b,c", "more fields"),
        ("a", "fewer fields"),
        ('"a"b,c', "quotes are broken"),
        ("a\0,b", "NUL"),
        ("a\rb,c", "lone carriage return"),
    ],
)
def test_a_malformed_row_is_marked_and_the_next_is_read(tmp_path: Path, body: str, problem: str) -> None:
    rows = read(write(tmp_path / "a.csv", f"text,label\n{body}\ngood,x\n"))
    assert rows[0].line == 2
    assert problem in (rows[0].problem or "")
    assert rows[1] == Row(3, {"text": "good", "label": "x"})


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", None, "empty"),
        (b"text,label\n", None, "no rows"),
        (b"\n\n", 1, "no header"),
        (b",,\na,b,c\n", 1, "names no column"),
        (b"text,text\na,b\n", 1, "stands twice"),
        (b"text, text\na,b\n", 1, "stands twice"),
        (b"text;label,note\na;b,c\n", 1, "could be separated by ';' .1 times., ',' .1 times."),
        (b'text,label\na,b\n"open,c\nd,e\n', 3, "never closed"),
        (b'text,label\n"open,b\nc,"d" e\n', 2, "runs on to line 3"),
        (b"text,label\ncaf\xe9,a\n", 2, "byte 0xE9 at offset 14"),
        (b"text,label\n" + b"a" * (MAX_RECORD_CHARACTERS + 10) + b",b\n", 2, "longer than"),
        (
            b'text,label\nx,y\n"' + (b"a" * 1023 + b"\n") * (MAX_RECORD_CHARACTERS // 1024) + b'",b\n',
            3,
            "longer than",
        ),
        ((",".join(f"c{i}" for i in range(5000)) + "\n").encode(), 1, "5000 columns"),
        ("text,label\nfine,a\n".encode("utf-16-le"), None, "UTF-16 without"),
        (b"\xff\xfe" + "text,label\n".encode("utf-16-le") + b"a", 2, "byte 0x61 at offset 24 is not valid utf-16"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_with_its_line(
    tmp_path: Path, content: bytes, line: int | None, message: str
) -> None:
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert (caught.value.path, caught.value.line) == (path, line)


def test_the_bad_byte_is_found_far_into_a_file(tmp_path: Path) -> None:
    head = ("text,label\n" + "é," + "x\n" + (("y" * 2999 + ",a\n") * 900)).encode()
    path = write(tmp_path / "a.csv", head + b"\xff,a\n")
    with pytest.raises(DataError, match=f"0xFF at offset {len(head)} ") as caught:
        read(path)
    assert caught.value.line == 903


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [
        ("cp1252", b"\x81"),
        ("ascii", b"\xe9"),
        ("shift_jis", b"\xff"),
        ("iso2022_jp", b"\xff"),
        ("utf-16-le", b"\x00\xdc"),
        ("utf-16", b"\x00\xdc"),
        ("utf-32-be", b"\xff\xff\xff\xff"),
    ],
)
@pytest.mark.parametrize("rows", [1, 13, 5000])
def test_the_bad_byte_of_a_named_encoding_is_found_with_its_line(
    tmp_path: Path, encoding: str, bad: bytes, rows: int
) -> None:
    word = "\u5bff\u53f8" if encoding in {"shift_jis", "iso2022_jp"} else "sushi"
    head = ("text,label\n" + f"{word * 100},a\n" * rows).encode(encoding)
    path = write(tmp_path / "a.csv", head + bad + head)
    with pytest.raises(DataError, match=f"byte 0x{bad[0]:02X} at offset {len(head)} is not in --encoding") as caught:
        read(path, Reading(encoding=encoding))
    assert caught.value.line == rows + 2


@given(
    content=st.lists(st.binary(max_size=3) | st.sampled_from([b"a\n", b"\n\0", "\u5bff".encode("shift_jis")])),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "cp1252", "shift_jis", "euc_kr", "gb18030", "utf-7"]),
    piece=st.integers(1, 5),
)
def test_however_a_file_is_cut_into_pieces_the_first_bad_byte_is_the_same(
    content: list[bytes], encoding: str, piece: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = b"a" + b"".join(content)
    path = write(tmp_path_factory.getbasetemp() / "pieces.csv", data)
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = 1 + data[: error.start].decode(encoding).count("\n")
        expected = (line, error.start, data[error.start])
        assert find_bad_byte(path, encoding, "\n", piece_bytes=piece) == expected
    else:
        assert find_bad_byte(path, encoding, "\n", piece_bytes=piece)[2] is None


def test_a_character_cut_off_at_the_end_is_a_bad_byte(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0xC3 at offset 11"):
        read(write(tmp_path / "a.csv", b"text,label\n\xc3"))


def test_json_cells_keep_their_types_and_nested_ones_are_unusable(tmp_path: Path) -> None:
    line = '{"a": "x", "b": 1, "c": 0.5, "d": true, "e": null, "f": [1], "g": {}, "i": NaN, "j": -Infinity}'
    cells = dict(read(write(tmp_path / "a.jsonl", line))[0].cells)
    assert cells == {
        "a": "x", "b": 1, "c": 0.5, "d": True, "e": None, "f": Unusable("a list"), "g": Unusable("an object"),
        "i": Unusable("NaN"), "j": Unusable("-Infinity"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
        ('{"a": 1, "a": 2}', "a key twice"),
        ('{"a\\ud800": 1}', "half of a surrogate pair"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"a": 1}{"b": 2}', "not valid JSON"),
    ],
)
def test_a_bad_json_line_is_marked_and_the_next_is_read(tmp_path: Path, line: str, problem: str) -> None:
    rows = read(write(tmp_path / "a.jsonl", f'{line}\n\n{{"text": "good"}}\n'))
    assert problem in (rows[0].problem or "")
    assert rows[1] == Row(3, {"text": "good"})


def test_a_huge_json_integer_is_unusable_and_harmless(tmp_path: Path) -> None:
    row = read(write(tmp_path / "a.ndjson", '{"score": ' + "9" * 5000 + "}"))[0]
    assert row.cells["score"] == Unusable("a whole number of 5000 digits")


def test_parquet_cells_are_plain_values(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a", None, "a"]),
            "kind": pa.array(["x", "y", None]).dictionary_encode(),
            "score": pa.array([0.5, float("nan"), None]),
            "tags": pa.array([[1], [], None]),
            "many": pa.array([{"a": 1}] * 3),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet")
    assert [row.line for row in rows] == [1, 2, 3]
    assert [row.cells["text"] for row in rows] == ["a", None, "a"]
    assert [row.cells["kind"] for row in rows] == ["x", "y", None]
    assert [row.cells["score"] for row in rows] == [0.5, None, None]
    assert isinstance(rows[0].cells["tags"], Unusable)
    assert isinstance(rows[0].cells["many"], Unusable)


def test_parquet_columns_keep_their_order_and_dates_are_texts(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5)
    table = pa.table(
        {
            "tags": pa.array([[1]]),
            "day": pa.array([moment.date()]),
            "at": pa.array([moment], pa.timestamp("s", "Europe/Zurich")),
            "text": pa.array(["a"]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (row,) = read(tmp_path / "a.parquet")
    assert list(row.cells) == ["tags", "day", "at", "text"]
    assert row.cells["day"] == "2026-01-02"
    assert str(row.cells["at"]).startswith("2026-01-02 03:04:05")
    assert str(row.cells["at"]).endswith("Z")


def test_a_parquet_string_that_is_not_utf8_costs_its_row_only(tmp_path: Path) -> None:
    values = pa.array([b"good", b"\xff\xfe"]).view(pa.string())
    pq.write_table(pa.table({"text": values}), tmp_path / "a.parquet")
    assert [row.cells["text"] for row in read(tmp_path / "a.parquet")] == [
        "good",
        Unusable("a string that is not UTF-8"),
    ]


def test_a_parquet_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"] * 50}), tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    for size in range(1, len(content), 7):
        with pytest.raises(DataError):
            read(write(tmp_path / "cut.parquet", content[:size]))


def test_a_parquet_file_without_rows_or_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "none.parquet")
    with pytest.raises(DataError, match="no rows"):
        read(tmp_path / "none.parquet")
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(DataError, match="twice"):
        read(tmp_path / "twice.parquet")


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.xlsx", "a", ".csv", "a.csv.gz"])
def test_an_unknown_format_is_refused_with_the_list_of_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError) as caught:
        read_rows(write(tmp_path / name, csv_text()))
    assert all(suffix in str(caught.value) for suffix in FORMATS)


@pytest.mark.parametrize(("name", "remedy"), [("a.txt", "call it .csv"), ("a.json", "jq"), ("a.XLSX", "CSV UTF-8")])
def test_a_format_that_is_not_read_comes_with_what_to_do(tmp_path: Path, name: str, remedy: str) -> None:
    with pytest.raises(DataError, match=remedy):
        read_rows(write(tmp_path / name, csv_text()))


def test_the_same_rows_come_out_of_every_format(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": "a"} for i in range(3)]
    write(tmp_path / "a.csv", "text,label\n" + "".join(f"{r['text']},a\n" for r in rows))
    write(tmp_path / "a.TSV", "text\tlabel\n" + "".join(f"{r['text']}\ta\n" for r in rows))
    write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for path in tmp_path.iterdir():
        assert [dict(row.cells) for row in read_rows(path)] == rows


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_the_columns_of_a_file_are_told_in_their_order(tmp_path: Path, suffix: str) -> None:
    write_rows(tmp_path / f"a{suffix}", ["b", "a"], [{"a": 1, "b": None}, {"a": 2, "b": 3}])
    assert read_columns(tmp_path / f"a{suffix}") == ["b", "a"]


def test_json_lines_have_the_columns_of_every_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('oops\n{"a": 1}\n{"b": 1, "a": 2}\n', encoding="utf-8")
    assert read_columns(tmp_path / "a.jsonl") == ["a", "b"]


def test_json_lines_with_endless_columns_are_refused(tmp_path: Path) -> None:
    lines = (json.dumps({f"k{row}-{key}": 1 for key in range(100)}) for row in range(MAX_COLUMNS // 100 + 1))
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match=f"more than {MAX_COLUMNS} columns"):
        read_columns(tmp_path / "a.jsonl")
