"""History and changes: what each study cost and found, which was best so far, and what is not the same in two."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from darse.analysis.changes import changes_between
from darse.analysis.effects import setting_effects
from darse.analysis.history import history_of, kind_of, steps_of
from darse.analysis.history_page import layer_charts, render_history
from darse.analysis.layers import layers_of
from darse.analysis.studied import Studied
from darse.ranks.plan import RankPlan
from darse.store.trial import Outcome, Trial, TrialSpec
from tests.analysis.samples import STARTED, a_result, a_study, traced
from tests.report.samples import SHAPES


def at_level(level: float, place: int, *, data: str = "d") -> Studied:
    result = a_result()
    verdict = replace(result.verdict, level=replace(result.verdict.level, mean=level))
    return a_study(
        replace(result, verdict=verdict),
        settings={"data_sha256": data * 64},
        created=STARTED + place,
        study=f"{place:016x}",
    )


def test_the_best_so_far_are_marked_by_data_and_in_the_order_of_time() -> None:
    studies = [at_level(0.2, 3), at_level(0.3, 1), at_level(0.25, 2, data="e"), at_level(0.4, 2), at_level(0.2, 4)]
    lines = history_of(studies)
    assert [line.level for line in lines] == [0.3, 0.25, 0.4, 0.2, 0.2]
    assert [line.is_best_so_far for line in lines] == [True, True, False, True, False]


def test_where_more_is_better_the_best_is_the_highest() -> None:
    result = a_result(SHAPES["24 layers, classes"])
    assert result.verdict.metric == "accuracy"
    studies = []
    for place, level in enumerate((0.8, 0.7, 0.9)):
        verdict = replace(result.verdict, level=replace(result.verdict.level, mean=level))
        studies.append(a_study(replace(result, verdict=verdict), created=STARTED + place))
    assert [line.is_best_so_far for line in history_of(studies)] == [True, False, True]


def test_a_line_has_what_the_study_cost_and_found() -> None:
    result = a_result()
    (line,) = history_of([a_study(result)])
    assert (line.verdict, line.cost, line.ranks) == ("smaller", result.cost, tuple(result.plan))
    assert line.seconds == pytest.approx(result.seconds)
    assert line.proxy_correlation == 0.81
    assert line.noise_floor == 0.0121
    assert line.runs < line.trials
    assert line.metrics["mse"] > 0


def test_a_study_under_way_is_a_line_of_its_own() -> None:
    (line,) = history_of([a_study(trials=a_result().trials[:2], state="running")])
    assert (line.state, line.verdict, line.cost, line.level) == ("running", None, None, None)
    assert line.best == min(trial.outcome.score for trial in a_result().trials[:2])
    assert not line.is_best_so_far


def test_kinds_are_told_apart() -> None:
    cut = Trial("a" * 32, TrialSpec(RankPlan((2,)), 0, 0.0, 0, "given"), Outcome(1.0, {}, ""))
    assert kind_of(a_study(a_result())) == "search"
    assert kind_of(a_study(trials=[cut])) == "shrink"
    assert kind_of(a_study(trials=[], settings={"evaluator": "trainer"})) == "trainer"
    assert kind_of(a_study(trials=[], settings={"evaluator": "mine.f (version 1)"})) == "own evaluator"


def test_steps_fall_and_count_the_minutes_of_cuts_too() -> None:
    result = a_result()
    steps = steps_of(a_study(result))
    assert [step.run for step in steps] == list(range(1, len(steps) + 1))
    assert all(first.best >= second.best and first.minutes < second.minutes for first, second in pairwise(steps))
    assert steps[-1].minutes <= result.seconds / 60
    assert steps[-1].best == min(step.loss for step in steps)


def test_settings_are_told_with_their_spread_in_noise() -> None:
    effects = {one.name: one for one in setting_effects(a_study(a_result()))}
    assert set(effects) == {"learning rate", "uniform rank", "epochs"}
    rate = effects["learning rate"]
    assert rate.best == 2e-3
    assert rate.spread == pytest.approx(0.41 - 0.372)
    assert rate.in_noise == pytest.approx((0.41 - 0.372) / 0.0121)
    assert list(effects["epochs"].losses) == [1, 2, 3, 4, 5, 6]
    spreads = [one.spread for one in setting_effects(a_study(a_result()))]
    assert spreads == sorted(spreads, reverse=True)


def test_what_changed_is_told_by_kind() -> None:
    first = a_study(a_result(), settings={"search": {"max_rank": 16}})
    second = a_study(
        a_result(SHAPES["joint task"]),
        settings={"search": {"max_rank": 32}, "data_sha256": "e" * 64, "versions": "torch 2.14.0, numpy 2.4.6"},
        created=STARTED + 1,
        study="b" * 16,
    )
    found = changes_between(*zip((first, second), history_of([first, second]), strict=True))
    assert (found.data, found.base, found.is_comparable) == (True, None, False)
    assert [(one.name, one.before, one.after) for one in found.settings] == [("search.max_rank", 16, 32)]
    assert [(one.name, one.before, one.after) for one in found.versions] == [("torch", "2.13.0", "2.14.0")]
    assert {"verdict", "proxy correlation"} <= {one.name for one in found.found}


def test_a_study_does_not_differ_from_itself() -> None:
    study = a_study(a_result())
    (line,) = history_of([study])
    found = changes_between((study, line), (study, line))
    assert (found.settings, found.versions, found.found, found.is_comparable) == ((), (), (), True)


def test_layers_are_followed_over_studies_of_the_most_usual_depth() -> None:
    result = a_result()
    studies = [
        a_study(result, study=f"{place:016x}", created=STARTED + place, trace=traced(result)) for place in (1, 2)
    ]
    studies.append(a_study(a_result(SHAPES["24 layers, classes"]), study="f" * 16, created=STARTED + 3))
    layers = {one.record.id: layers_of(one) for one in studies}
    charts = {chart.name: chart for chart in layer_charts(history_of(studies), layers)}
    assert list(charts) == ["ranks", "gains", "updates", "gradients", "directions"]
    assert [row[1:] for row in charts["ranks"].table.rows] == [tuple(map(str, result.plan))] * 2
    assert len(charts["updates"].table.rows) == 2
    assert layer_charts(history_of([]), {}) == ()


def test_the_page_holds_no_markup_from_a_name() -> None:
    study = a_study(a_result())
    study = replace(study, record=replace(study.record, name="<script>alert(1)</script>"))
    page = render_history(history_of([study]), {study.record.id: steps_of(study)}, {study.record.id: layers_of(study)})
    assert "<script>alert" not in page
