"""A study that a limit ended early: nothing stands as a result that was not measured, and each gap has its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from darse.evaluate.paired import Estimate
from darse.report.card import model_card
from darse.report.facts import found
from darse.report.key_figures import key_figures
from darse.report.page import render_report
from darse.report.parts import Chart, Columns, Table
from darse.report.sections import sections
from darse.report.summary import summary_lines
from darse.search.result import Result
from tests.report.parsed import parse
from tests.report.samples import SHAPES, a_result, cut_short
from tests.report.test_charts import chart_of, charts_of

WHY = "the limit of 0.5 minutes ended the search before this was measured"
SHORT = cut_short(a_result(SHAPES["six layers, score"]))


def text_of(result: Result) -> str:
    return parse(render_report(result)).text


def note_of(result: Result, label: str) -> str:
    (figure,) = (figure for figure in key_figures(result) if figure.label == label)
    return f"{figure.value}: {figure.note}"


def with_search(result: Result, **changes: object) -> Result:
    search = result.settings.search.model_copy(update=changes)
    return replace(result, settings=result.settings.model_copy(update={"search": search}))


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("sites", [0, 2])
def test_no_chart_is_without_a_mark(name: str, sites: int) -> None:
    for chart in charts_of(cut_short(a_result(SHAPES[name]), sites=sites)):
        figure: Any = chart.figure
        marks = [value for trace in figure["data"] for value in trace.get("z", [trace.get("y")])]
        assert any(value is not None for row in marks for value in row), chart.name


def test_what_was_not_measured_is_a_sentence_with_its_reason_and_no_chart() -> None:
    named = {section.name: section for section in sections(SHORT)}
    for name in ("uniform", "sensitivity"):
        assert not any(isinstance(part, Chart) for part in named[name].parts)
        assert f"Not measured: {WHY}" in str(named[name].parts)
    assert "One plan alone was trained" in str(named["frontier"].parts)
    assert f"Candidates were not compared: {WHY}" in str(named["frontier"].parts)
    assert not any(isinstance(part, Chart) for part in named["frontier"].parts)


def test_sites_that_were_not_measured_are_named_in_chart_and_table() -> None:
    result = cut_short(a_result(SHAPES["six layers, score"]), sites=2)
    text = text_of(result)
    assert "Not measured: layer 2, layer 3, layer 4, layer 5." in text
    assert "Blank cells were not measured." in text
    assert f"Not measured for some sites or ranks: {WHY}" in text
    charts = {chart.name: chart for chart in charts_of(result)}
    assert "2 of 6 sites" in charts["left-out"].label
    assert "6 cells measured, 12 not" in charts["cuts"].label
    rows = {row[0]: row[2] for row in charts["left-out"].table.rows}
    assert [name for name, value in rows.items() if value == "not measured"] == [
        f"layer {place}" for place in range(2, 6)
    ]
    marks = chart_of(result, "left-out")["layout"]["annotations"]
    assert [(mark["x"], mark["text"]) for mark in marks] == [(place, "not measured") for place in range(2, 6)]


@pytest.mark.parametrize("name", ["left-out", "cuts"])
def test_every_site_has_its_place_on_the_axis_whether_measured_or_not(name: str) -> None:
    result = cut_short(a_result(SHAPES["six layers, score"]), sites=1)
    assert chart_of(result, name)["layout"]["xaxis"]["range"] == [-0.5, 5.5]


def test_trials_are_numbered_by_whole_ticks_however_few() -> None:
    axis = chart_of(SHORT, "trajectory")["layout"]["xaxis"]
    assert (axis["tick0"], axis["dtick"]) == (1, 1)


def test_a_study_without_controls_says_what_was_not_compared_and_what_to_do() -> None:
    text = text_of(SHORT)
    assert "none with ranks of its own for each site was tried" in text
    assert "with a higher --max-trials or --max-minutes" in text
    assert "Nothing compared" in text
    assert "with a higher --max-trials or --max-minutes" in model_card(SHORT, "native")


def test_the_limit_stands_beside_the_verdict_everywhere() -> None:
    words = "The limit of 0.5 minutes ended the search early"
    text = text_of(SHORT)
    assert SHORT.verdict.sentence.endswith(f"{words}.")
    assert text.index(words) < text.index("Key figures")
    assert text.count(words) == 1
    card = model_card(SHORT, "native")
    assert SHORT.verdict.sentence in card[card.index("## Is it better?") : card.index("## Quality")]
    assert SHORT.verdict.sentence in " ".join(summary_lines(SHORT))


def test_figures_count_what_ran_and_not_what_was_meant_to() -> None:
    assert "the only one tried of" in note_of(SHORT, "Learning rate")
    assert "assumed (4 % of the validation loss; one seed ran)" in note_of(SHORT, "Noise floor")
    assert note_of(SHORT, "Proxy correlation").startswith("not measured")
    assert "the plan ran once" in note_of(SHORT, "Test mean squared error")
    text = text_of(SHORT)
    assert "mean over" not in text
    assert "the plan ran with seed 0 alone (3 were asked for)" in text
    assert "saturates" not in text
    assert "Candidates were compared by short" not in text
    whole = a_result(SHAPES["six layers, score"])
    assert "best of 3 rates tried" in note_of(whole, "Learning rate")
    assert "over 3 seeds" in note_of(whole, "Noise floor")
    assert "test, mean over 3 seeds" in text_of(whole)


@pytest.mark.parametrize(("edge", "words"), [(0, "the lowest of the grid"), (-1, "the highest of the grid")])
def test_a_best_rate_at_the_edge_of_the_grid_is_called_so(edge: int, words: str) -> None:
    result = a_result(SHAPES["six layers, score"])
    grid = sorted(found(result).calibrate.tried)
    calibration = replace(found(result).calibrate, learning_rate=grid[edge])
    result = replace(result, findings=replace(result.findings, calibrate=calibration))
    assert words in note_of(with_search(result, learning_rates=tuple(grid)), "Learning rate")
    assert "grid" not in note_of(with_search(result, learning_rates=(1e-5, *grid, 1.0)), "Learning rate")


def test_a_limit_of_minutes_takes_back_the_promise_of_the_same_study() -> None:
    result = a_result(SHAPES["six layers, score"])
    assert "depends on the machine" not in text_of(result)
    assert "depends on the machine's speed" in text_of(with_search(result, max_minutes=3.0))


def test_tables_call_what_the_search_makes_small_a_loss_and_never_a_score() -> None:
    for section in sections(a_result(SHAPES["six layers, score"])):
        for part in section.parts:
            for one in part.parts if isinstance(part, Columns) else (part,):
                table = one.table if isinstance(one, Chart) else one
                if isinstance(table, Table) and section.name != "data":
                    assert not any("score" in column for column in table.columns)


def test_the_trial_table_opens_with_plan_kind_loss_and_metric() -> None:
    (section,) = (section for section in sections(SHORT) if section.name == "trials")
    (table,) = section.parts
    assert isinstance(table, Table)
    assert table.columns[:4] == ("ranks", "kind", "validation loss (search)", "mean squared error")
    assert [row[:2] for row in table.rows] == [("6×16", "full run"), ("6×1", "full run")]


def test_settings_show_the_columns_that_were_found() -> None:
    text = text_of(a_result(SHAPES["six layers, score"]))
    assert 'data.text "headline" (found in the data)' in text
    assert "null" not in text


def test_a_large_gap_between_validation_and_test_is_remarked_and_a_small_one_is_not() -> None:
    result = a_result(SHAPES["six layers, score"])
    assert result.quality is not None
    assert "a large difference" not in text_of(result)
    for factor, words in ((1.6, "flatters it"), (0.5, "do not expect the better figure")):
        test = {**result.quality.test, "mse": factor * result.quality.valid["mse"]}
        text = text_of(replace(result, quality=replace(result.quality, test=test)))
        assert "a large difference" in text
        assert words in text


@pytest.mark.parametrize(("rows", "is_warned"), [(99, True), (100, False)])
def test_few_test_rows_are_a_caution(rows: int, is_warned: bool) -> None:
    result = a_result(SHAPES["six layers, score"])
    assert result.check is not None
    check = replace(result.check, split_rows={**result.check.split_rows, "test": rows})
    assert ("Only 99 test rows" in text_of(replace(result, check=check))) == is_warned


def test_the_metric_on_test_has_its_interval() -> None:
    result = a_result(SHAPES["failures"])
    for metric, low, high in (("accuracy", "82.5 %", "94.5 %"), ("mse", "0.8250", "0.9450")):
        verdict = replace(result.verdict, metric=metric, level=Estimate(0.9, 0.825, 0.945))
        text = text_of(replace(result, verdict=verdict))
        assert f"{low} to {high}: it covers the luck of the rows" in text


def test_the_glossary_has_the_words_of_the_report() -> None:
    text = text_of(SHORT)
    words = text[text.index("What the words of this report mean") :]
    for word in ("site", "plan", "cost", "finalist", "cut", "short run", "proxy correlation", "control", "noise floor"):
        assert f" {word} " in words
