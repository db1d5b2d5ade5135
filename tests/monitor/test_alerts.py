"""How a rule stands over time: each change is told once, silence is kept, and nothing flaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import StoreError
from darse.monitor.alerts import Standing, step
from darse.monitor.rules import Rule


def a_rule(**more: object) -> Rule:
    plain: dict[str, object] = {"name": "unhappy", "metric": "share", "label": "negative", "warning": 0.3, "alert": 0.5}
    return Rule.model_validate(plain | more)


def told(rule: Rule, values: list[float | None], *, before: Standing | None = None, step_s: float = 60.0) -> list[str]:
    """What people are told, look by look, as `kind level`; nothing is `-`."""
    standing, said = before or Standing(), []
    for at, value in enumerate(values):
        standing, notice = step(rule, standing, value, 1000.0 + step_s * at)
        said.append("-" if notice is None else f"{notice.kind} {notice.level}")
    return said


def test_each_change_is_told_once() -> None:
    values: list[float | None] = [0.1, 0.35, 0.35, 0.6, 0.6, 0.35, 0.1, 0.1]
    expected = ["-", "worse warning", "-", "worse alert", "-", "better warning", "recovered ok", "-"]
    assert told(a_rule(), values) == expected


def test_a_value_that_swings_around_a_threshold_does_not_flap() -> None:
    assert told(a_rule(recover=0.1), [0.31, 0.29, 0.31, 0.25, 0.19]) == ["worse warning", "-", "-", "-", "recovered ok"]


def test_a_change_counts_when_looks_in_a_row_agree() -> None:
    assert told(a_rule(consecutive=3), [0.6, 0.6, 0.1, 0.6, 0.6, 0.6]) == [*"-----", "worse alert"]


@pytest.mark.parametrize(
    ("no_data", "expected"),
    [
        ("keep", ["worse alert", "-", "-"]),
        ("ok", ["worse alert", "recovered ok", "-"]),
        ("warning", ["worse alert", "better warning", "-"]),
    ],
)
def test_no_data_are_what_the_rule_says(no_data: str, expected: list[str]) -> None:
    assert told(a_rule(no_data=no_data), [0.9, None, None]) == expected


def test_silence_from_the_start_can_be_an_alert() -> None:
    assert told(a_rule(no_data="alert"), [None, None]) == ["worse alert", "-"]


def test_what_stays_bad_is_told_again_after_a_while() -> None:
    assert told(a_rule(remind="2m"), [0.9] * 6) == ["worse alert", "-", "reminder alert", "-", "reminder alert", "-"]


def test_a_muted_rule_tells_nobody_and_what_is_still_bad_afterwards_is_told() -> None:
    muted = Standing(muted_until=1150.0)
    assert told(a_rule(), [0.9, 0.9, 0.9, 0.9], before=muted) == ["-", "-", "-", "worse alert"]
    assert told(a_rule(), [0.9, 0.9, 0.1, 0.1], before=muted) == ["-", "-", "-", "-"]
    dated = a_rule(mute_until="1970-01-01T00:19:10Z")
    assert told(dated, [0.9, 0.9, 0.9, 0.9]) == ["-", "-", "-", "worse alert"]


def test_a_recovery_in_silence_is_told_to_those_who_knew() -> None:
    standing, notice = step(a_rule(), Standing(), 0.9, 1000.0)
    assert notice is not None
    muted = standing.model_copy(update={"muted_until": 1100.0})
    assert told(a_rule(), [0.1, 0.1, 0.1], before=muted) == ["-", "-", "recovered ok"]


@given(st.lists(st.none() | st.floats(0, 1), max_size=30), st.integers(1, 3))
def test_people_always_end_up_knowing_how_it_stands(values: list[float | None], consecutive: int) -> None:
    standing = Standing()
    known = "ok"
    for at, value in enumerate(values):
        standing, notice = step(a_rule(consecutive=consecutive), standing, value, 60.0 * at)
        known = known if notice is None else notice.level
        assert known == standing.level == standing.known
    assert Standing.from_json(standing.model_dump()) == standing


@pytest.mark.parametrize("values", [{"level": "bad"}, {"outbox": [{}]}, {"since": "x"}, {"more": 1}])
def test_what_was_kept_and_is_no_standing_is_refused(values: dict[str, object]) -> None:
    assert Standing.from_json({}) == Standing()
    with pytest.raises(StoreError, match="how an alert stands cannot be read"):
        Standing.from_json(values)
