"""A gate looks at everything that is asked, and what cannot be told is never a pass by itself."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import numpy as np
import pytest

from darse.errors import InputError
from darse.testing.gate import Check, Gate, hold_gate
from darse.testing.junit import as_junit
from darse.testing.policy import Policy
from darse.testing.quality import Judged
from tests.testing.worlds import SCORE, a_dataset, classed, judged, off_by, right_but, scored

DATA = classed(600, product=["A"] * 500 + ["B"] * 80 + ["C"] * 20)
BASE = judged("prod", DATA, right_but(DATA, range(60)), parameters=100, file_bytes=1000, adapter="a" * 64)


def held(policy: dict[str, object], wrong: range | list[int], **more: object) -> Gate:
    candidate = judged("new", DATA, right_but(DATA, wrong), **more)  # type: ignore[arg-type]  # named fields of the test
    return hold_gate(Policy.model_validate(policy), BASE, candidate, DATA)


def outcomes(gate: Gate) -> dict[str, str]:
    return {one.name: one.outcome for one in gate.checks}


def test_a_candidate_that_is_as_good_passes_and_a_worse_one_fails() -> None:
    assert held({}, range(62)).outcome == "passed"
    assert held({}, range(120)).outcome == "failed"
    assert held({"mode": "regression"}, range(62)).outcome == "passed"
    assert held({"mode": "regression"}, range(80)).outcome == "failed"


def test_the_very_adapter_of_the_baseline_passes_on_any_file() -> None:
    data = classed(12)
    one = judged("x", data, right_but(data, [1]), adapter="a" * 64)
    assert hold_gate(Policy(), one, one, data).outcome == "passed"
    other = judged("x", data, right_but(data, [1]), adapter="b" * 64)
    assert hold_gate(Policy(), one, other, data).outcome == "undecided"


def test_rows_of_one_class_cannot_tell() -> None:
    rows = [{"text": f"row {at}", "label": "good", "score": at} for at in range(600)]
    data = a_dataset(rows, text="text", label="label")
    one, other = (judged("x", data, right_but(data, [at]), adapter=str(at)) for at in (1, 2))
    gate = hold_gate(Policy(), one, other, data)
    assert gate.outcome == "undecided"
    assert "one class" in gate.checks[0].sentence


def test_what_cannot_be_told_fails_unless_the_policy_says_otherwise() -> None:
    floor = {"metric": "accuracy", "at_least": 0.5, "slice": "product=C"}
    assert not held({"floors": [floor]}, range(60)).is_passed
    gate = held({"floors": [floor], "undecided": "pass"}, range(60))
    assert (gate.outcome, gate.is_passed) == ("undecided", True)
    assert "20 rows are fewer than 30" in gate.checks[1].sentence


def test_few_rows_are_told_with_how_many_are_needed() -> None:
    data = classed(100)
    one, other = (judged("x", data, right_but(data, range(at)), adapter=str(at)) for at in (10, 11))
    check = hold_gate(Policy(), one, other, data).checks[0]
    assert check.outcome == "undecided"
    assert "100 rows cannot tell, about" in check.sentence


def test_floors_are_of_all_rows_or_of_a_slice() -> None:
    gate = held(
        {
            "floors": [
                {"metric": "accuracy", "at_least": 0.89},
                {"metric": "accuracy", "at_least": 0.89, "is_sure": True},
                {"metric": "accuracy", "at_least": 0.95, "slice": "product=A"},
                {"metric": "accuracy", "at_least": 0.95, "slice": "product=B"},
                {"metric": "accuracy", "at_least": 0.95, "slice": "product=none"},
                {"metric": "mse", "at_most": 1},
            ]
        },
        range(60),
    )
    assert [one.outcome for one in gate.checks[1:]] == [
        "passed", "failed", "failed", "passed", "undecided", "undecided",
    ]  # fmt: skip


def test_a_slice_that_got_worse_fails_though_the_whole_does_not() -> None:
    mended, broken = range(20, 60), list(range(520, 556))
    wrong = [*range(20), *broken]
    assert len(mended) > len(broken)
    gate = held({"slices": ["product"]}, wrong)
    assert outcomes(gate) == {
        "accuracy against prod": "passed",
        "slice product=A": "passed",
        "slice product=B": "failed",
        "slice product=C": "passed",
    }


@pytest.mark.parametrize(
    ("budgets", "outcome"),
    [
        ({"parameters": "150"}, "failed"),
        ({"parameters": "200"}, "passed"),
        ({"parameters_ratio": 1.5}, "failed"),
        ({"bytes_ratio": 1.5}, "passed"),
        ({"bytes": 10}, "failed"),
        ({"ms": 10}, "undecided"),
    ],
)
def test_budgets_are_held(budgets: dict[str, object], outcome: str) -> None:
    gate = held({"budgets": budgets}, range(60), parameters=200, file_bytes=1200)
    assert gate.checks[-1].outcome == outcome


def test_times_are_held_where_they_were_measured() -> None:
    policy = Policy.model_validate({"budgets": {"ms": 5, "ms_ratio": 1.5}})
    gate = hold_gate(policy, BASE, BASE, DATA, ms={"candidate": 4.0, "baseline": 2.0})
    assert [one.outcome for one in gate.checks[1:]] == ["passed", "failed"]


def test_scores_are_compared_by_their_errors() -> None:
    data = scored(400)
    noise = np.random.default_rng(0).normal(size=400)

    def one(scale: float) -> Judged:
        return judged("s", data, off_by(data, scale * noise), task=SCORE, adapter=str(scale))

    assert hold_gate(Policy(), one(0.3), one(0.3001), data).outcome == "passed"
    assert hold_gate(Policy(), one(0.3), one(0.4), data).outcome == "failed"
    with pytest.raises(InputError, match="cannot be compared by accuracy"):
        hold_gate(Policy(metric="accuracy"), one(0.3), one(0.3), data)


def test_junit_has_a_test_for_each_check_and_counts_what_failed() -> None:
    gate = held({"floors": [{"metric": "accuracy", "at_least": 0.99}], "slices": ["product"]}, range(60))
    suites = fromstring(as_junit(gate))
    cases = suites.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases] == [one.name for one in gate.checks]
    assert suites.get("failures") == "1"
    assert [case.get("name") for case in cases if case.find("failure") is not None] == ["accuracy at least 0.99"]


@pytest.mark.parametrize("text", ["\x00\x1b[31m", "<b>&\"'", "\ud800", "\ufffe\uffff", "]]>"])
def test_junit_is_xml_whatever_things_are_called(text: str) -> None:
    check = Check(text, "quality", "failed", text)
    gate = Gate(text, text, text, (check, Check(text, "floor", "undecided", text)), "pass")
    suites = fromstring(as_junit(gate))
    assert suites.get("skipped") == "1"
