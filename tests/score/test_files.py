"""The scorer: single texts and files say the same; nothing is lost or reordered."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from darse.cli.main import run
from darse.data.columns import choose_columns
from darse.data.example import Columns, Task
from darse.data.read import read_rows
from darse.data.row import Row
from darse.data.write import write_rows
from darse.errors import AdapterError, DataError, InputError, Interrupted, StoreError
from darse.score.files import CHUNK_ROWS, count_rows, score_file
from darse.score.scorer import AdapterScorer, Score
from darse.settings import DataSettings
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.score.scoring import look_at, score


@pytest.fixture(scope="module")
def scorer(small_study: SmallStudy) -> AdapterScorer:
    return AdapterScorer.open(small_study.folder / "adapter")


def test_file_and_single_texts_score_alike(scorer: AdapterScorer, tmp_path: Path) -> None:
    rows = labelled_rows(60, seed=5)
    write_rows(tmp_path / "in.csv", ["text"], [{"text": row["text"]} for row in rows])
    score(scorer, tmp_path / "in.csv", tmp_path / "out.jsonl")
    scored = list(read_rows(tmp_path / "out.jsonl"))
    for row, written in zip(rows, scored, strict=True):
        (said,) = scorer.score([str(row["text"])])
        assert said.score == pytest.approx(written.cells["score"], abs=1e-5)
        assert said.label == written.cells["label"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_order_and_other_columns_are_kept(scorer: AdapterScorer, tmp_path: Path, suffix: str) -> None:
    rows = [{"id": str(place), **row} for place, row in enumerate(labelled_rows(CHUNK_ROWS // 40))]
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    write_rows(source, ["id", "text", "score", "label"], rows)
    assert score(scorer, source, out).rows == len(rows)
    written = list(read_rows(out))
    assert [row.cells["id"] for row in written] == [row["id"] for row in rows]
    assert {"predicted_score", "predicted_label", "probability positive"} <= written[0].cells.keys()


def test_rows_that_cannot_be_scored_are_counted_with_line_and_reason(scorer: AdapterScorer, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,id\ngood,1\n,2\n   ,3\nbad,4,extra\nfine,5\n", encoding="utf-8")
    result = score(scorer, tmp_path / "in.csv", tmp_path / "out.csv")
    assert (result.rows, result.rejected) == (2, 3)
    assert result.rejects is not None
    rejects = [json.loads(line) for line in result.rejects.read_text().splitlines()]
    assert [reject["line"] for reject in rejects] == [3, 4, 5]
    assert all(reject["reason"] for reject in rejects)


def test_result_may_not_overwrite_its_source(scorer: AdapterScorer, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\ngood\n", encoding="utf-8")
    with pytest.raises(DataError, match="overwrite the source"):
        score(scorer, tmp_path / "in.csv", tmp_path / "in.csv")


def test_changed_adapter_is_refused(small_study: SmallStudy, tmp_path: Path) -> None:
    for path in (small_study.folder / "adapter").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(AdapterError, match="changed after the export"):
        AdapterScorer.open(tmp_path)


def test_command_line_scores_a_file_and_tells_of_rejects(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text("review\ngood\n\nbad service\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    assert run(["score", str(small_study.folder / "adapter"), str(tmp_path / "in.csv"), "-o", str(out)]) == 0
    assert "2 rows scored" in capsys.readouterr().out


def test_malformed_first_line_is_one_reject_and_no_more(scorer: AdapterScorer, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{broken\n{"text": "good"}\n{"text": "bad"}\n', encoding="utf-8")
    result = score(scorer, tmp_path / "in.jsonl", tmp_path / "out.csv")
    assert (result.rows, result.rejected) == (2, 1)


def test_rejects_of_an_earlier_run_do_not_stay(scorer: AdapterScorer, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text,id\n,1\ngood,2\n", encoding="utf-8")
    assert score(scorer, source, tmp_path / "out.csv").rejects is not None
    source.write_text("text,id\ngood,2\n", encoding="utf-8")
    assert score(scorer, source, tmp_path / "out.csv").rejects is None
    assert not (tmp_path / "out.rejects.jsonl").exists()


def test_every_key_of_json_lines_is_kept_wherever_it_first_stands(scorer: AdapterScorer, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    rows = [{"text": "good", "id": place} for place in range(CHUNK_ROWS + 1)] + [{"text": "bad", "note": 7}]
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    for out in (tmp_path / "out.jsonl", tmp_path / "out.parquet"):
        assert score(scorer, source, out).rows == len(rows)
        first, *_, last = read_rows(out)
        assert list(first.cells)[:3] == ["text", "id", "note"]
        assert (first.cells["id"], first.cells["note"]) == (0, None)
        assert (last.cells["id"], str(last.cells["note"])) == (None, "7")


@pytest.mark.parametrize("column", ["feedback", "Review Text", "tweet"])
def test_the_text_is_guessed_as_explore_guesses_it_and_told(scorer: AdapterScorer, tmp_path: Path, column: str) -> None:
    write_rows(tmp_path / "in.csv", ["id", column], [{"id": "1", column: "good"}])
    found = look_at(scorer, tmp_path / "in.csv", tmp_path / "out.csv")
    assert found.columns == Columns(column, guessed=("text",))
    labelled = [Row(place, {column: f"good {place}", "label": "a"}) for place in range(10)]
    assert choose_columns(labelled, DataSettings()).text == column


def test_two_columns_that_could_be_the_text_are_refused_until_named(scorer: AdapterScorer, tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    write_rows(source, ["title", "body"], [{"title": "good", "body": "bad"}])
    with pytest.raises(DataError, match=r"in\.csv: the text could be 'title' and 'body'.*; name them with --text$"):
        score(scorer, source, out)
    assert look_at(scorer, source, out, DataSettings(text="body")).columns == Columns("body")


def test_a_target_column_is_refused_by_an_adapter_without_targets(scorer: AdapterScorer, tmp_path: Path) -> None:
    write_rows(tmp_path / "in.csv", ["text", "company"], [{"text": "good", "company": "Acme"}])
    with pytest.raises(InputError, match="without targets; drop --target"):
        look_at(scorer, tmp_path / "in.csv", tmp_path / "out.csv", DataSettings(target="company"))


def test_an_adapter_with_targets_asks_for_their_column(scorer: AdapterScorer, tmp_path: Path) -> None:
    manifest = replace(scorer.manifest, task=replace(scorer.task, has_target=True))
    with_targets = AdapterScorer(manifest, scorer.tokenizer, scorer.computing)
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    write_rows(source, ["text", "entity"], [{"text": "good", "entity": "Acme"}])
    assert look_at(with_targets, source, out).columns == Columns("text", target="entity", guessed=("target",))
    write_rows(source, ["text", "company"], [{"text": "good", "company": "Acme"}])
    with pytest.raises(DataError, match=r"no column is obviously the target.*--text, --target$"):
        score(with_targets, source, out)


def test_a_file_that_was_scored_before_can_be_scored_again(scorer: AdapterScorer, tmp_path: Path) -> None:
    paths = [tmp_path / f"{place}.csv" for place in range(4)]
    write_rows(paths[0], ["text"], [{"text": "good"}])
    for source, out in itertools.pairwise(paths):
        score(scorer, source, out)
    (row,) = read_rows(paths[-1])
    assert row.cells["score"] == row.cells["predicted_score"] == row.cells["predicted_predicted_score"]


def test_a_file_without_one_row_that_can_be_read_says_why(scorer: AdapterScorer, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("{broken\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"not one row can be read \(line 1: the line is not valid JSON\)"):
        score(scorer, tmp_path / "in.jsonl", tmp_path / "out.csv")


def test_command_line_tells_the_columns_in_use(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text("review\ngood\n", encoding="utf-8")
    arguments = ["score", str(small_study.folder / "adapter"), str(tmp_path / "in.csv"), "-o", str(tmp_path / "o.csv")]
    assert run(arguments) == 0
    assert capsys.readouterr().err == "columns: text = 'review' (guessed)\n"
    assert run([*arguments, "--quiet"]) == 0
    assert not capsys.readouterr().err


def test_columns_of_training_are_taken_before_any_guess(scorer: AdapterScorer, tmp_path: Path) -> None:
    about = {**scorer.manifest.about, "columns": {"text": "body", "target": "company"}}
    manifest = replace(scorer.manifest, task=replace(scorer.task, has_target=True), about=about)
    trained = AdapterScorer(manifest, scorer.tokenizer, scorer.computing)
    write_rows(tmp_path / "in.csv", ["text", "body", "company"], [{"text": "a", "body": "good", "company": "Acme"}])
    found = look_at(trained, tmp_path / "in.csv", tmp_path / "out.csv")
    assert found.columns == Columns("body", target="company")


@pytest.mark.parametrize("columns", [None, 7, ["text"], {"text": 7}])
def test_an_adapter_that_says_nothing_of_its_columns_has_none(scorer: AdapterScorer, columns: object) -> None:
    manifest = replace(scorer.manifest, about={"columns": columns})
    assert AdapterScorer(manifest, scorer.tokenizer, scorer.computing).trained_columns == {}


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_formula_in_a_text_is_harmless_in_the_result_unless_asked(
    small_study: SmallStudy, tmp_path: Path, suffix: str
) -> None:
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    write_rows(source, ["text", "id"], [{"text": "=HYPERLINK(1)", "id": "-5"}])
    for options, text in (([], "'=HYPERLINK(1)"), (["--keep-formulas"], "=HYPERLINK(1)")):
        assert run(["score", str(small_study.folder / "adapter"), str(source), "-o", str(out), *options]) == 0
        (row,) = read_rows(out)
        assert (row.cells["text"], row.cells["id"]) == (text, "-5")


@dataclass
class Counting:
    """A scorer that counts the texts that it is given, and stops after some."""

    scorer: AdapterScorer
    stops_after: int | None = None
    given: int = 0

    @property
    def task(self) -> Task:
        return self.scorer.task

    @property
    def trained_columns(self) -> dict[str, str]:
        return self.scorer.trained_columns

    @property
    def digest(self) -> str:
        return self.scorer.digest

    def score(
        self, texts: Iterable[str], targets: Iterable[str] | None = None, *, check: Callable[[], None] = lambda: None
    ) -> list[Score]:
        if self.stops_after is not None and self.given >= self.stops_after:
            raise Interrupted(2)
        texts = list(texts)
        self.given += len(texts)
        return self.scorer.score(texts, targets, check=check)

    def count_tokens(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> list[tuple[int, int]]:
        return self.scorer.count_tokens(texts, targets)


def _many(path: Path) -> int:
    """Write more rows than a chunk has, and one that cannot be scored; how many can."""
    texts = [f"{row['text']} {place}" for place, row in enumerate(labelled_rows(CHUNK_ROWS + 90))]
    write_rows(path, ["id", "text"], [{"id": place, "text": text} for place, text in enumerate([*texts, ""])])
    return len(texts)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_file_that_was_stopped_goes_on_and_gives_the_same_result(
    scorer: AdapterScorer, tmp_path: Path, suffix: str
) -> None:
    count, out = _many(tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    file = look_at(scorer, tmp_path / f"in{suffix}", out)
    with pytest.raises(Interrupted):
        score_file(Counting(scorer, stops_after=CHUNK_ROWS), file, keep=True)
    assert not out.exists()
    again = Counting(scorer)
    assert score_file(again, file, keep=True).rows == count
    assert again.given == count - CHUNK_ROWS
    assert {path.name for path in tmp_path.iterdir()} == {f"in{suffix}", out.name, "out.rejects.jsonl"}
    score(scorer, tmp_path / f"in{suffix}", tmp_path / f"whole{suffix}")
    assert out.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


def test_what_was_kept_is_not_believed_where_it_is_damaged_or_of_other_texts(
    scorer: AdapterScorer, tmp_path: Path
) -> None:
    count, out = _many(tmp_path / "in.csv"), tmp_path / "out.csv"
    file = look_at(scorer, tmp_path / "in.csv", out)
    for harm in (b"", b"garbage" * 9, None):
        with pytest.raises(Interrupted):
            score_file(Counting(scorer, stops_after=CHUNK_ROWS), file, keep=True)
        (kept,) = file.unfinished.iterdir()
        if harm is None:  # the file has changed since
            (tmp_path / "in.csv").write_text((tmp_path / "in.csv").read_text().replace("\n5,", "\n5,other "))
        else:
            kept.write_bytes(harm)
        again = Counting(scorer)
        score_file(again, file, keep=True)
        assert again.given == count


def test_a_folder_of_unfinished_scores_is_no_way_out_of_the_folder(scorer: AdapterScorer, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\ngood\n", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f"{'0' * 64}.safetensors").write_text("dear")
    file = look_at(scorer, tmp_path / "in.csv", tmp_path / "out.csv")
    file.unfinished.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is in the way"):
        score_file(scorer, file, keep=True)
    assert [path.read_text() for path in (tmp_path / "elsewhere").iterdir()] == ["dear"]


def test_rows_are_counted_before_any_is_scored(scorer: AdapterScorer, tmp_path: Path) -> None:
    for suffix in (".csv", ".jsonl", ".parquet"):
        count = _many(tmp_path / f"in{suffix}") + 1
        assert count_rows(look_at(scorer, tmp_path / f"in{suffix}", tmp_path / "out.csv")) == count
