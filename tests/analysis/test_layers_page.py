"""The page of a study's layers: for every kind of study, whole, and without markup from anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darse.analysis.effects import setting_effects
from darse.analysis.importance import importances
from darse.analysis.layers import layers_of
from darse.analysis.layers_page import cautions, layer_rows, render_layers
from darse.analysis.overview import Overview, overview_record
from darse.analysis.stability import Stability
from darse.files import canonical_json
from darse.search.result import Result
from tests.analysis.samples import a_result, a_study, traced
from tests.report.parsed import parse
from tests.report.samples import SHAPES, Shape, cut_short, with_texts

STABLE, UNSTABLE = Stability(0.9, 0.8, 1.0, 6, 300), Stability(0.4, 0.1, 0.7, 6, 300)


def an_overview(result: Result, stability: Stability | None = STABLE) -> Overview:
    study = a_study(result, trace=traced(result))
    return Overview(study, layers_of(study), importances(study, resamples=20), stability, setting_effects(study))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_kind_of_study_has_a_page_and_json(shape: Shape) -> None:
    found = an_overview(a_result(shape))
    charts = set(parse(render_layers(found)).data("charts"))
    assert {"importance", "updates", "gradients", "directions"} <= charts
    assert ("left-out" in charts) != shape.is_user
    assert len(layer_rows(found)) == len(found.layers.layers) == len(a_result(shape).sites)
    assert canonical_json(overview_record(found))  # no number in it that JSON cannot say


def test_a_study_that_a_limit_ended_shows_what_was_measured() -> None:
    found = an_overview(cut_short(a_result(), sites=2), stability=None)
    assert sum(layer.gain is not None for layer in found.layers.layers) == 2
    assert found.importances is None
    assert "left-out" in parse(render_layers(found)).data("charts")


def test_an_unstable_order_is_a_caution_and_a_stable_one_is_none() -> None:
    (told,) = [one for one in cautions(an_overview(a_result(), UNSTABLE)) if one.startswith("Unstable")]
    assert "Kendall's tau is 0.40 (0.10 to 0.70 over the splits), below 0.7" in told
    assert not [one for one in cautions(an_overview(a_result())) if one.startswith("Unstable")]
    assert "Unstable: " in render_layers(an_overview(a_result(), UNSTABLE))


def test_no_text_from_outside_becomes_markup() -> None:
    hostile = ["<script>alert(1)</script>", "</style><b>", "\u202e\x00'\"&", "{{ 7*7 }}"]
    found = an_overview(with_texts(a_result(), hostile))
    found = replace(found, study=replace(found.study, record=replace(found.study.record, name=hostile[0])))
    page = render_layers(found)
    assert "<script>alert" not in page
    assert "</style><b>" not in page
    assert "{{ 7*7 }}" in page
