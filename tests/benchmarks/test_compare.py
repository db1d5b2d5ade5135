"""The comparison's bookkeeping: cells survive a kill, the page is printed, and the rules of tuning hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.compare import __main__ as command
from benchmarks.compare.cells import cells
from benchmarks.compare.methods import METHODS
from benchmarks.compare.page import page
from benchmarks.compare.plans import sampled, within
from benchmarks.compare.results import append, number, packed, read, unpacked
from benchmarks.compare.rivals import adalora, quickstart
from benchmarks.compare.scale import GRID, SHORT
from benchmarks.compare.sets import SETS, load, split_set
from benchmarks.compare.stand import Finished, Stand, tuned
from benchmarks.compare.studies import darse, quickstart_parameters
from benchmarks.compare.table import entries
from darse.data.load import load_labelled
from darse.data.write import write_rows
from darse.errors import TrialError
from darse.ranks.plan import RankPlan, Site, Weight, cost
from tests.labelled import labelled_rows

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
METHODS_RUN = ("head", "uniform-1")
SIZES = ["--epochs", "1", "--seeds", "2", "--train-rows", "40"]


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A data folder whose set `uci` has 60 rows."""
    rows = [row for row in labelled_rows(120) if row["label"] != "neutral"][:60]
    write_rows(tmp_path / "data" / SETS["uci"].file, ["text", "label"], rows)
    return tmp_path


@pytest.mark.slow
def test_a_killed_comparison_keeps_its_finished_cells_and_prints_its_table(toy: Path, tiny_bert: Path) -> None:
    results = toy / "compare.jsonl"
    arguments = ["--data", str(toy / "data"), "--results", str(results), "--out", str(toy / "page.md")]
    arguments += ["--work", str(toy / "work"), "--sets", "uci", "--only", *METHODS_RUN, "--model", str(tiny_bert)]
    started = subprocess.Popen([sys.executable, "-m", "benchmarks.compare", *arguments, *SIZES], cwd=ROOT)
    deadline = time.monotonic() + DEADLINE_S
    while not read(results):
        assert started.poll() is None or read(results)
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    first = results.read_bytes()
    assert first.count(b"\n") == 1

    again = [sys.executable, "-m", "benchmarks.compare", *arguments, *SIZES]
    ended = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    assert results.read_bytes().startswith(first), "a finished cell ran again"
    assert results.read_bytes().count(b"\n") == len(METHODS_RUN)
    for method in METHODS_RUN:
        assert f"| {method} | accuracy " in ended.stdout
    assert "| tpe | not run |" in ended.stdout
    assert (toy / "page.md").read_text(encoding="utf-8") == ended.stdout.rstrip("\n") + "\n"
    assert len({record["data_sha256"] for record in map(json.loads, results.read_bytes().splitlines())}) == 1


def test_rivals_train_with_their_own_code_and_count_what_they_keep(toy: Path, tiny_bert: Path) -> None:
    scale = replace(SHORT, epochs=1, seeds=2, train_rows=40, model=str(tiny_bert))
    one = SETS["uci"]
    task = load_labelled(toy / "data" / one.file, one.columns, seed=0).task
    stand = Stand(load(split_set(toy / "data", one, scale), task), scale, toy)
    plain = quickstart(stand, is_tuned=False)
    assert plain["parameters"] == quickstart_parameters(stand.bench)
    assert plain["runs"] == scale.seeds
    (toy / "second").mkdir()
    masked = adalora(replace(stand, folder=toy / "second", start=GRID[1]))
    kept, every = number(masked, "parameters"), cost(RankPlan.uniform(stand.bench.sites, 12), stand.bench.sites)
    assert 0 < kept < every, "AdaLoRA's masked values are counted"
    assert unpacked(masked["losses"]).shape == (scale.seeds, len(stand.data.test))


def test_a_study_counts_what_chose_its_plan_and_a_sampler_gets_as_many_runs(toy: Path, tiny_bert: Path) -> None:
    pytest.importorskip("optuna")
    scale = replace(SHORT, epochs=1, seeds=2, train_rows=40, max_rank=4, model=str(tiny_bert))
    one = SETS["uci"]
    task = load_labelled(toy / "data" / one.file, one.columns, seed=0).task
    stand = Stand(load(split_set(toy / "data", one, scale), task), scale, toy)
    ours = darse(stand, objective="best", budget="uniform:2")
    assert number(ours, "parameters") <= cost(RankPlan.uniform(stand.bench.sites, 2), stand.bench.sites)
    made = number(ours, "search_runs")
    assert scale.seeds + 2 <= made < number(ours, "runs"), "tuning and finalists, and no controls"
    (toy / "second").mkdir()
    theirs = sampled(replace(stand, folder=toy / "second", given=ours), sampler="random")
    assert made <= number(theirs, "runs") <= made + scale.seeds + 2


def test_a_torn_line_counts_as_none_and_costs_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "compare.jsonl"
    append(path, {"key": "a", "value": 1})
    with path.open("ab") as file:
        file.write(b'{"key": "b", "val')
    append(path, {"key": "c", "value": 3})
    assert set(read(path)) == {"a", "c"}


def test_losses_come_back_as_they_were() -> None:
    losses = np.array([[0.0, 1.0, 0.25], [1.0, 1.0, 0.5]])
    assert np.array_equal(unpacked(json.loads(json.dumps(packed(losses)))), losses)


def test_plan_prints_every_cell_and_starts_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(tmp_path), "--results", str(tmp_path / "none.jsonl"), "--plan"]
    assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    assert all(f"{method} on cr, all" in printed for method in METHODS)
    assert "fold 9" in printed
    assert not list(tmp_path.iterdir())


def test_cells_are_cheapest_first_and_after_what_they_need() -> None:
    wanted = cells(METHODS, tuple(SETS), SHORT)
    places = {cell: place for place, cell in enumerate(wanted)}
    free = [cell for cell in wanted if cell.needs is None]
    assert free == sorted(free, key=lambda cell: cell.minutes)
    for cell in wanted:
        assert cell.needs is None or places[cell.needs] < places[cell]


def test_the_learning_rate_walks_to_the_better_side_until_it_is_worse() -> None:
    asked: list[float] = []

    def run(rate: float, seed: int) -> Finished:
        asked.append(rate)
        if rate > 8:
            raise TrialError("too high")
        return Finished(abs(rate - 5), lambda: np.zeros((1, 1)))

    found = tuned(run, 3.0, [1.0, 2.0, 3.0, 5.0, 8.0, 9.0])
    assert (found.rate, found.run.score) == (5.0, 0.0)
    assert asked == [2.0, 3.0, 5.0, 8.0]
    with pytest.raises(TrialError, match="no learning rate"):
        tuned(run, 20.0, [10.0, 20.0])


def test_a_drawn_plan_is_cut_to_the_budget() -> None:
    sites = [Site(f"layer {place}", (Weight(f"w{place}", 16, 16, place),)) for place in range(3)]
    found = within(RankPlan((16, 0, 8)), sites, 400)
    assert cost(found, sites) <= 400
    assert found == RankPlan((4, 0, 8))


def test_lines_from_different_rows_are_refused() -> None:
    made: dict[str, dict[str, object]] = {}
    for place, method in enumerate(("head", "best")):
        (cell,) = cells([method], ["cr"], SHORT)
        made[cell.key] = {"key": cell.key, "data_sha256": str(place)}
    with pytest.raises(ValueError, match="different rows"):
        entries(made, SHORT)


def test_an_empty_results_file_gives_a_page_that_says_so() -> None:
    printed = page({}, SHORT)
    assert "| best | not run |" in printed
    assert "reached:" not in printed
