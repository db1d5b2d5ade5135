"""Figures: every one is valid for plotly, its colours are in the theme, and it shows what was found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go
import pytest

from darse.report.facts import found, named_plans
from darse.report.figures import frame
from darse.report.parts import Chart, Columns
from darse.report.sections import sections
from darse.report.theme import DARK, LIGHT
from darse.search.result import Result
from tests.report.samples import SHAPES, a_result


def charts_of(result: Result) -> Iterator[Chart]:
    for section in sections(result):
        for part in section.parts:
            yield from (one for one in (part.parts if isinstance(part, Columns) else [part]) if isinstance(one, Chart))


def chart_of(result: Result, name: str) -> Any:
    (chart,) = (chart for chart in charts_of(result) if chart.name == name)
    return json.loads(json.dumps(chart.figure))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_figure_is_one_that_plotly_knows_in_every_word(name: str) -> None:
    for chart in charts_of(a_result(SHAPES[name])):
        content = json.dumps(chart.figure, allow_nan=False)
        colours = set(re.findall(r'"@(\w+)"', content))
        assert colours <= set(LIGHT), chart.name
        go.Figure(json.loads(re.sub(r'"@\w+"', '"#000000"', content)))


def test_both_themes_name_the_same_colours() -> None:
    assert list(LIGHT) == list(DARK)


def test_the_forest_plot_has_a_dot_an_interval_and_a_margin_for_each_control() -> None:
    result = a_result(SHAPES["24 layers, classes"])
    figure = chart_of(result, "effects")
    dots = [trace["x"][0] for trace in figure["data"]]
    assert dots == pytest.approx([100 * one.effect for one in result.verdict.controls])
    margins = [shape["x0"] for shape in figure["layout"]["shapes"][:-1]]
    assert margins == pytest.approx([-100 * one.margin for one in result.verdict.controls])


def test_the_heat_map_has_a_row_for_the_found_plan_and_each_control() -> None:
    result = a_result(SHAPES["24 layers, classes"])
    (trace,) = chart_of(result, "ranks")["data"]
    assert trace["z"] == [list(one.plan) for one in named_plans(result)]


def test_the_frontier_has_every_candidate_and_every_plan_that_was_trained() -> None:
    result = a_result(SHAPES["joint task"])
    traces = chart_of(result, "frontier")["data"]
    costs = sorted(cost for trace in traces if trace["mode"] == "markers" for cost in trace["x"])
    candidates, plans = found(result).allocate.candidates, named_plans(result)
    asked = [*(one.cost for one in candidates), *(one.cost for one in plans)]
    assert costs == sorted(cost for cost in asked if cost)
    levels = [trace["y"] for trace in traces if trace["mode"] == "lines" and trace.get("name")]
    assert levels == [[one.score] * 2 for one in plans if not one.cost]
    assert all(cost > 0 for trace in traces for cost in trace["x"] if cost is not None)


def test_a_line_on_the_frontier_leads_from_a_plans_cut_to_its_full_runs() -> None:
    result = a_result(SHAPES["joint task"])
    cuts = {one.plan: one.score for one in found(result).allocate.candidates}
    (line,) = [trace for trace in chart_of(result, "frontier")["data"] if trace.get("showlegend") is False]
    both = [one for one in named_plans(result) if one.cost and one.plan in cuts]
    assert both
    assert line["x"] == [x for one in both for x in (one.cost, one.cost, None)]
    assert line["y"] == [y for one in both for y in (cuts[one.plan], one.score, None)]


def test_the_course_of_the_search_has_a_point_for_every_trial_and_never_gets_worse() -> None:
    result = a_result(SHAPES["six layers, score"])
    traces = {str(trace["name"]): trace for trace in chart_of(result, "trajectory")["data"]}
    best = traces.pop("best so far")["y"]
    assert best == sorted(best, reverse=True)
    assert sum(len(trace["x"]) for trace in traces.values()) == len(result.trials)


def test_a_frame_cuts_off_a_few_far_values_and_never_a_small_group() -> None:
    crowd = [1 + place / 100 for place in range(40)]
    assert frame([crowd]) is None
    cut = frame([[*crowd, 50.0]])
    assert cut is not None
    assert cut[1] < 5
    assert frame([[*crowd, 50.0], [60.0]]) is None
    assert frame([[], [float("inf")]]) is None
