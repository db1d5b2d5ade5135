"""`darse explore` before its first run: what is refused, what is shown, and what is left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from inspect import signature
from pathlib import Path

import pytest

from darse.cli.explore import next_command, run_explore
from darse.cli.main import run
from darse.cli.verbs.search import explore
from darse.data.write import write_rows
from darse.settings import Options
from tests.labelled import labelled_rows
from tests.report.samples import SHAPES, Shape, a_result


@pytest.fixture
def reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small labelled file in an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    rows = labelled_rows(60)
    write_rows(tmp_path / "reviews.csv", list(rows[0]), rows)
    return "reviews.csv"


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_dry_run_shows_what_a_search_would_be_and_writes_nothing(
    reviews: str, tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(tiny_bert), "--max-rank", "4", "--epochs", "1", "--budget", "uniform:2"]
    assert run(["explore", reviews, *options, "--dry-run"]) == 0
    said = capsys.readouterr().out
    for part in (
        "reviews.csv: 60 rows",
        "columns: text = 'text' (guessed), label = 'label' (guessed), score = 'score' (guessed)",
        "split (made): train",
        "tokens: median",
        "warning: only 60 rows are kept",
        f"model: {tiny_bert}, ",
        "sites: 4 (layer), a rank costs 224 parameters in each; rank 4 everywhere 3,584",
        "budget: 1,792 parameters",
        "one run of 1 epoch takes about",
        "a complete search is about 28 such runs",
        "nothing was written; without --dry-run the study goes to darse-reviews",
    ):
        assert part in said
    assert _names(tmp_path) == ["reviews.csv"]


def test_a_dry_run_says_that_a_rank_which_no_weight_carries_is_lowered(
    reviews: str, tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explore", reviews, "--model", str(tiny_bert), "--max-rank", "1000", "--dry-run"]) == 0
    assert "\n--max-rank 1000 is lowered to 16, the smaller side of the weights" in capsys.readouterr().out


def test_a_dry_run_for_programs_is_two_events(
    reviews: str, tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explore", reviews, "--model", str(tiny_bert), "--max-rank", "4", "--dry-run", "--json"]) == 0
    data, outlook = map(json.loads, capsys.readouterr().out.splitlines())
    assert (data["event"], data["kept"]) == ("data", 60)
    assert outlook["event"] == "outlook"
    assert outlook["sites"] == dict.fromkeys(["layer 0", "layer 1", "layer 2", "layer 3"], 224)
    assert (outlook["max_rank"], outlook["budget"], outlook["runs"]) == (4, None, 28)
    assert outlook["run_seconds"] > 0
    assert _names(tmp_path) == ["reviews.csv"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--budget", "1"], 2, "rank 1 at one site costs"),
        (["--budget", "1", "--dry-run"], 2, "rank 1 at one site costs"),
        (["--store", "postgresql+nonsense://x"], 3, "nonsense"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    reviews: str,
    tiny_bert: Path,
    tmp_path: Path,
    options: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["explore", reviews, "--model", str(tiny_bert), *options]) == code
    assert said in capsys.readouterr().err
    assert _names(tmp_path) == ["reviews.csv"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--label", "nope"], "there is no column 'nope'"),
        (["--score", "text"], "no column is obviously the text"),
        (["--granularity", "head"], "use layer, module or group:N"),
        (["--separator", ";"], "are separated by ',' and not by ';'"),
        (["--encoding", "utf-16"], "not in --encoding utf-16"),
        (["--encoding", "klingon"], "--encoding 'klingon' is not known"),
        (["--split", "label"], "60 of 60 rows cannot be used"),
        (["--model", "."], ". has no config.json"),
    ],
)
def test_what_is_wrong_with_the_data_is_told_before_heavy_packages_are_loaded(
    reviews: str, options: list[str], said: str
) -> None:
    code = f"import sys; from darse.cli.main import run; code = run({['explore', reviews, *options]!r})"
    code += "; sys.exit(9 if 'torch' in sys.modules else code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_to_expect_is_told_before_the_first_run_however_few_the_rows(
    reviews: str, tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(tiny_bert), "--max-rank", "2", "--epochs", "1", "--max-trials", "1", "--seeds", "2"]
    assert run(["explore", reviews, *options]) == 0
    said = capsys.readouterr().err
    assert 0 < said.index("one run of 1 epoch takes about") < said.index("run  1")


def test_a_study_that_goes_on_says_so_before_what_to_expect_and_one_with_nothing_to_train_expects_nothing(
    reviews: str, tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(tiny_bert), "--max-rank", "2", "--epochs", "1", "--seeds", "2"]
    said = []
    for limit in ("1", "2", "2"):
        assert run(["explore", reviews, *options, "--max-trials", limit]) == 0
        said.append(capsys.readouterr().err)
    assert 0 < said[1].index("This study was begun before") < said[1].index("one run of 1 epoch takes about")
    assert "one run of" not in said[2]


@pytest.mark.parametrize("arguments", [["{}.csv"], ["demo", "--model", "./{}"], ["demo", "--model", "{}"]])
def test_a_long_path_is_shown_whole(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    long = "/".join(["a folder with a name", "that is not short at all"] * 5)
    assert run(["explore", *(one.format(long) for one in arguments)]) == 2
    assert long in capsys.readouterr().err


def test_next_is_the_export_of_the_uniform_plan_where_the_verdict_advises_one() -> None:
    result = a_result(SHAPES["72 modules"])
    assert result.verdict.verdict == "no_difference"
    assert "until then a uniform plan" in result.verdict.sentence
    folder = Path("darse-reviews")
    export = "darse export darse-reviews --plan best-uniform"
    assert next_command(result, folder) == export
    assert next_command(result, folder, "postgresql://ann:s3cret@db/x") == f"{export} --store 'postgresql://***@db/x'"


@pytest.mark.parametrize("shape", [Shape(), SHAPES["uniform found"], SHAPES["joint task"]])
def test_next_is_to_score_where_the_found_plan_is_the_one_to_use(shape: Shape) -> None:
    assert next_command(a_result(shape), Path("out")) == 'darse score out/adapter --text "..."'


def test_a_uniform_plan_that_was_not_trained_is_not_what_comes_next() -> None:
    result = a_result(SHAPES["72 modules"])
    controls = tuple(one for one in result.verdict.controls if one.name != "best uniform")
    result = replace(result, verdict=replace(result.verdict, controls=controls))
    assert next_command(result, Path("out")).startswith("darse score out/adapter")


def test_every_option_is_a_setting_or_told_to_who_runs_the_study() -> None:
    given = set(signature(explore).parameters) - {"context", "file"}
    assert given <= {*Options.__annotations__, *signature(run_explore).parameters} | {"evaluator"}
