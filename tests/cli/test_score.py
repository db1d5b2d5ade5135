"""`darse score` at its edges: streams, separators, signs, and what is refused before anything is loaded."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from darse.cli.main import run
from darse.cli.score import score_words
from darse.data.example import Task
from darse.data.read import read_rows
from tests.conftest import SmallStudy


@pytest.fixture
def adapter(small_study: SmallStudy) -> str:
    return str(small_study.folder / "adapter")


class _Streams:
    """Standard input and output as bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.out = io.BytesIO()

    def give(self, content: bytes) -> None:
        """The next command's input."""
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        self.out = io.BytesIO()
        self._patch.setattr(sys, "stdout", io.TextIOWrapper(self.out, write_through=True))

    @property
    def said(self) -> str:
        """What it printed."""
        return self.out.getvalue().decode()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> _Streams:
    return _Streams(monkeypatch)


@pytest.mark.parametrize(
    ("score", "low", "high", "said"),
    [
        (0.5, -1, 1, "+0.500"),
        (-0.5, -1, 1, "-0.500"),
        (4.25, 1, 5, "4.250"),
        (-0.1, 0, 1, "-0.100"),
        (1, 0, 0, "1.000"),
    ],
)
def test_a_score_has_a_sign_where_the_scale_has_two_sides(score: float, low: float, high: float, said: str) -> None:
    assert score_words(score, Task(has_score=True, score_low=low, score_high=high)) == said


def test_one_text_a_line_comes_back_as_json_lines(
    adapter: str, streams: _Streams, capsys: pytest.CaptureFixture[str]
) -> None:
    streams.give("good service\n\n  \nbad \u00fcber\r\n".encode())
    assert run(["score", adapter, "-", "--quiet"]) == 0
    lines = [json.loads(line) for line in streams.said.splitlines()]
    assert [line["text"] for line in lines] == ["good service", "bad \u00fcber"]
    assert {"score", "label", "probability positive"} <= lines[0].keys()
    assert not capsys.readouterr().err


def test_lines_in_another_encoding_are_read_by_its_name(adapter: str, streams: _Streams) -> None:
    streams.give("5 \u20ac\n".encode("cp1252"))
    assert run(["score", adapter, "-", "--encoding", "cp1252", "--quiet"]) == 0
    assert json.loads(streams.said)["text"] == "5 \u20ac"


def test_a_table_on_standard_input_keeps_its_separator_and_its_rejects_are_told(
    adapter: str, streams: _Streams, capsys: pytest.CaptureFixture[str]
) -> None:
    streams.give(b"review;id\ngood;1\n;2\nbad;3\n")
    assert run(["score", adapter, "-", "--format", "csv", "--text", "review"]) == 0
    head, *rows = streams.said.splitlines()
    assert head.startswith("review;id;score;label;")
    assert [row.split(";")[1] for row in rows] == ["1", "3"]
    said = capsys.readouterr().err
    assert "read with: separator ';'" in said
    assert "1 row could not be scored: line 3: the text is empty\n" in said


def test_a_file_goes_to_standard_output_when_asked(adapter: str, streams: _Streams, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\n', encoding="utf-8")
    streams.give(b"")
    assert run(["score", adapter, str(tmp_path / "in.jsonl"), "-o", "-", "--quiet"]) == 0
    assert json.loads(streams.said)["text"] == "good"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "in.jsonl"]


def test_standard_input_goes_to_a_file_when_asked(adapter: str, streams: _Streams, tmp_path: Path) -> None:
    streams.give(b"good\nbad\n")
    assert run(["score", adapter, "-", "-o", str(tmp_path / "out.csv"), "--quiet"]) == 0
    assert "2 rows scored into" in streams.said
    assert [row.cells["text"] for row in read_rows(tmp_path / "out.csv")] == ["good", "bad"]


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"", [], "standard input: the file is empty"),
        (b"caf\xe9\n", [], "standard input:1: byte 0xE9"),
        (b"text;label,x\n", ["--format", "csv"], "standard input:1: the header could be separated"),
        (b"foo\n1\n", ["--format", "csv"], "standard input: no column is obviously the text"),
    ],
)
def test_an_error_in_standard_input_is_called_that(
    adapter: str, streams: _Streams, content: bytes, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    streams.give(content)
    assert run(["score", adapter, "-", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"darse: {said}")
    assert "/tmp" not in error


def test_a_german_export_is_scored_into_its_own_form(adapter: str, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes("Text;Note\r\ngood f\u00fcr 5 \u20ac;-0,5\r\n=bad;1\r\n".encode("cp1252"))
    options = ["--encoding", "cp1252", "--text", "Text", "--quiet"]
    assert run(["score", adapter, str(source), *options, "-o", str(tmp_path / "out.csv")]) == 0
    written = (tmp_path / "out.csv").read_bytes().decode("utf-8")
    assert written.startswith("Text;Note;score;label;")
    assert "good f\u00fcr 5 \u20ac;-0,5;" in written
    assert "'=bad;1;" in written
    assert run(["score", adapter, str(source), *options, "-o", str(tmp_path / "out.tsv")]) == 0
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8").startswith("Text\tNote\tscore\t")


def test_a_dotted_path_is_scored_and_adds_no_column(adapter: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"review": {"body": "good"}}\n{"review": {}}\n', encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert run(["score", adapter, str(tmp_path / "in.jsonl"), "--text", "review.body", "-o", str(out), "--quiet"]) == 0
    (line,) = out.read_text(encoding="utf-8").splitlines()
    assert line.startswith('{"review": {"body": "good"}, "score": ')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.csv"], "say where the scores of in.csv go with -o"),
        (["in.csv", "-o", "out.txt"], "the format '.txt' is not known"),
        (["in.csv", "-o", "out.csv", "--text", "nope"], "there is no column 'nope'"),
        (["in.csv", "-o", "out.csv", "--format", "csv"], "--format is that of standard input"),
        (["in.csv", "-o", "-", "--json"], "drop --json"),
        (["in.csv", "-o", "out.csv", "--target", "x"], "trained without targets; drop --target"),
        (["in.csv", "-o", "out.csv", "--separator", "xx"], "--separator 'xx' is no separator"),
        (["in.csv", "-o", "in.csv"], "would overwrite the source"),
        (["in.txt", "-o", "out.csv"], "give one text a line as standard input: darse score"),
        (["gone.csv", "-o", "out.csv"], "there is no such file"),
        (["-", "--text", "review"], "one text a line has no columns"),
        (["--text", "good", "--target", "x"], "drop --target"),
    ],
)
def test_what_is_wrong_is_told_before_heavy_packages_are_loaded(
    adapter: str, arguments: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("text\ngood\n", encoding="utf-8")
    code = f"import sys; from darse.cli.main import run; code = run({['score', adapter, *arguments]!r})"
    code += "; sys.exit(9 if 'torch' in sys.modules else code)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        input="",
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]
