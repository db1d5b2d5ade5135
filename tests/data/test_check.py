from __future__ import annotations

import json
from dataclasses import replace

import pytest

from darse.data.check import build_check, data_check_as_json, describe, with_token_counts
from darse.data.example import Columns, DataCheck, Example, Rejected, SplitName, Task
from darse.data.load import load_labelled
from darse.data.tally import SHOWN_ROWS, Tally
from darse.settings import DataSettings


def examples(count: int, label: int | None = 0, score: float | None = None) -> tuple[Example, ...]:
    return tuple(Example(i + 2, f"text {i}", None, label, score) for i in range(count))


def check_of(
    train: tuple[Example, ...],
    *,
    classes: tuple[str, ...] = ("bad", "good"),
    tally: Tally | None = None,
) -> DataCheck:
    tally = tally or Tally()
    parts: dict[SplitName, tuple[Example, ...]] = {
        "train": train,
        "valid": examples(40) + examples(40, 1),
        "test": examples(50) + examples(50, 1),
    }
    tally.rows = sum(map(len, parts.values())) + tally.rejected
    task = Task(classes=classes, has_score=True)
    columns = Columns("text", "label", guessed=("text",))
    return build_check("reviews.csv", columns, tally=tally, task=task, parts=parts, origin="made")


def test_an_even_set_gives_no_warning() -> None:
    assert check_of(examples(200) + examples(200, 1)).warnings == ()


@pytest.mark.parametrize(
    ("train", "warning"),
    [
        (examples(10), "only 190 rows"),
        (examples(3000), "class 'good' has 90 rows"),
        (examples(300), "the train split has no row of 'good'"),
        ((*examples(200), Example(1, "caf\ufffd", None, 1)), "1 text with U+FFFD"),
        (tuple(Example(1, "a", None, 0, s) for s in [0.1, 0.2, 0.3, 0.4] * 50 + [1e6]), "1 score far outside"),
    ],
)
def test_what_is_worth_a_look_is_warned_of(train: tuple[Example, ...], warning: str) -> None:
    assert [one for one in check_of(train).warnings if warning in one]


def test_one_of_a_thing_is_not_called_several() -> None:
    tally = Tally()
    tally.duplicates = 1
    told = describe(check_of(examples(900) + examples(900, 1), tally=tally))
    assert told[0].startswith("reviews.csv: 1,980 rows, 1,980 kept, 0 rejected, 1 duplicate, 0 in conflict")


def test_rejected_and_repeated_rows_above_a_twentieth_are_warned_of() -> None:
    tally = Tally()
    for line in range(150):
        tally.reject(line, "the text is empty")
    tally.duplicates = 50
    warnings = check_of(examples(300) + examples(300, 1), tally=tally).warnings
    assert any("rejected" in one for one in warnings)
    assert any("repeat a text" in one for one in warnings)


def test_the_first_hundred_rejected_rows_are_kept_in_the_order_of_lines() -> None:
    tally = Tally()
    for line in range(500, 300, -1):
        tally.reject(line, "the score is empty" if line % 2 else "the score has a comma", "1,5\x1b")
    check = check_of(examples(300), tally=tally)
    assert len(check.rejected_rows) == SHOWN_ROWS
    assert check.rejected == {"the score is empty": 100, "the score has a comma": 100}
    assert check.rejected_rows[0] == Rejected(401, "the score is empty: '1,5\ufffd'")


def test_a_check_is_plain_json_and_gives_the_same_numbers() -> None:
    check = check_of(examples(300, score=0.5))
    value = json.loads(json.dumps(data_check_as_json(check), allow_nan=False))
    assert value["kept"] == check.kept == 480
    assert value["class_counts"]["valid"] == {"bad": 40, "good": 40}
    assert value["score_quantiles"] == [0.5] * 5


def test_a_check_is_told_in_plain_lines_without_control_characters() -> None:
    tally = Tally()
    tally.reject(7, "the label is not in --label-map", "\x1b[31m")
    check = replace(check_of(examples(300, score=0.5), tally=tally), source="evil\x1b[2J.csv")
    check = with_token_counts(check, [5, 7, 9], 8)
    lines = describe(check)
    assert not any(ord(character) < 32 for line in lines for character in line)
    told = "\n".join(lines)
    for part in ("480 kept", "text = 'text' (guessed)", "train 300", "bad 390", "median 0.5", "truncated 1",
                 "rejected 1: the label is not in --label-map (line 7)", "warning: "):  # fmt: skip
        assert part in told


def test_token_counts_say_how_many_texts_are_cut() -> None:
    check = check_of(examples(200) + examples(200, 1))
    counted = with_token_counts(check, [10] * 90 + [200] * 10, 128)
    assert counted.tokens == {"median": 10, "p95": 200, "max": 200, "limit": 128, "truncated": 10}
    assert any("10.0 % of the texts are longer than 128 tokens" in one for one in counted.warnings)
    assert with_token_counts(check, [10] * 100, 128).warnings == check.warnings
    assert with_token_counts(check, [], 128) is check


def _with_targets(group: str | None, target: str) -> DataCheck:
    def named(name: str, count: int) -> tuple[Example, ...]:
        return tuple(replace(one, target=name) for one in examples(count))

    parts: dict[SplitName, tuple[Example, ...]] = {
        "train": named("Acme", 200),
        "valid": named("Acme", 50),
        "test": named("Acme", 60) + named(target, 60),
    }
    columns = Columns("text", "label", target="company", group=group)
    task = Task(classes=("bad", "good"), has_target=True)
    return build_check("headlines.csv", columns, tally=Tally(), task=task, parts=parts, origin="made")


def test_targets_on_both_sides_of_the_split_suggest_a_group() -> None:
    (hint,) = [one for one in _with_targets(None, "Birch").warnings if "--group" in one]
    assert hint.startswith("60 of 120 test rows have a target that training has, too;")
    assert hint.endswith("add --group 'company'")
    assert not [one for one in _with_targets("company", "Birch").warnings if "--group" in one]


@pytest.mark.parametrize(("rows", "is_few"), [(99, True), (100, False)])
def test_fewer_than_a_hundred_test_rows_are_warned_of(rows: int, is_few: bool) -> None:
    parts: dict[SplitName, tuple[Example, ...]] = {
        "train": examples(300),
        "valid": examples(60),
        "test": examples(rows),
    }
    task = Task(classes=("bad", "good"))
    check = build_check("a.csv", Columns("text", "label"), tally=Tally(), task=task, parts=parts, origin="made")
    assert any("the test split has only" in one for one in check.warnings) == is_few


def test_columns_that_play_no_part_are_listed_once() -> None:
    rows = [{"text": f"{word} {i}", "label": word, "id": i, "note": "x"} for word in ("up", "down") for i in range(15)]
    check = load_labelled(rows, DataSettings(), seed=0).check
    assert check.unused == ("id", "note")
    assert [line for line in describe(check) if "note" in line] == ["columns not used: 'id', 'note'"]
