from __future__ import annotations

from collections.abc import Mapping

import pytest

from darse.data.columns import choose_columns, describe_columns, unused_columns
from darse.data.example import Columns
from darse.data.row import Cell, Row, Unusable
from darse.errors import DataError
from darse.settings import DataSettings


def sample(**columns: list[Cell]) -> list[Row]:
    length = max(map(len, columns.values()))
    return [Row(i + 2, {name: values[i % len(values)] for name, values in columns.items()}) for i in range(length)]


TEXTS: list[Cell] = [f"a sentence, number {i}" for i in range(40)]
LABELS: list[Cell] = ["negative", "positive"]
SCORES: list[Cell] = [f"{i / 40:.3f}" for i in range(40)]


@pytest.mark.parametrize(
    "name", ["text", "Sentence", "review", "HEADLINE", "title", "content", "comment", "body", "feedback"]
)
def test_an_obvious_text_column_is_found(name: str) -> None:
    values: dict[str, list[Cell]] = {"id": ["1"], name: TEXTS, "label": LABELS}
    columns = choose_columns(sample(**values), DataSettings())
    assert columns == Columns(text=name, label="label", guessed=("text", "label"))


@pytest.mark.parametrize("name", ["label", "Sentiment", "class", "polarity", "category"])
def test_an_obvious_label_column_is_found(name: str) -> None:
    assert choose_columns(sample(text=TEXTS, **{name: LABELS}), DataSettings()).label == name


@pytest.mark.parametrize("name", ["score", "Rating", "stars", "polarity score", "polarity_score"])
def test_an_obvious_score_column_is_found(name: str) -> None:
    assert choose_columns(sample(text=TEXTS, **{name: SCORES}), DataSettings()).score == name


def test_label_and_score_together_are_a_joint_task() -> None:
    columns = choose_columns(sample(text=TEXTS, label=LABELS, score=SCORES), DataSettings())
    assert (columns.label, columns.score) == ("label", "score")


@pytest.mark.parametrize(("named", "label", "score"), [("label", "label", None), ("score", None, "score")])
def test_with_a_label_or_score_named_the_other_is_not_guessed(named: str, label: str | None, score: str | None) -> None:
    settings = DataSettings.model_validate({named: named})
    columns = choose_columns(sample(text=TEXTS, label=LABELS, score=SCORES), settings)
    assert (columns.label, columns.score) == (label, score)
    assert columns.guessed == ("text",)


def test_target_and_split_are_found_and_a_group_never_is() -> None:
    rows = sample(text=TEXTS, label=LABELS, entity=["ACME", "Foo"], fold=["train", "dev"], group=["a", "b"])
    columns = choose_columns(rows, DataSettings())
    assert (columns.target, columns.split, columns.group) == ("entity", "fold", None)
    assert choose_columns(rows, DataSettings(group="group")).group == "group"


@pytest.mark.parametrize(
    "extra",
    [
        {"fold": [1, 2, 3]},
        {"subset": ["amazon", "yelp"]},
        {"split": ["train", "test", None]},
        {"target": [0, 4]},
        {"target": ["ACME", ""]},
    ],
)
def test_a_fitting_name_with_unfit_values_is_not_taken(extra: Mapping[str, list[Cell]]) -> None:
    columns = choose_columns(sample(text=TEXTS, label=LABELS, **extra), DataSettings())
    assert (columns.split, columns.target) == (None, None)


def test_a_sorted_file_whose_first_rows_are_of_one_class_has_a_label() -> None:
    assert choose_columns(sample(text=TEXTS, label=["positive"]), DataSettings()).label == "label"


@pytest.mark.parametrize(
    ("columns", "hint"),
    [
        ({"label": SCORES}, "--score label"),
        ({"rating": ["1", "2", "3", "4", "5"]}, "--label rating"),
        ({"target": [0, 4]}, "--label target"),
        ({"label": TEXTS}, "obviously the label"),
        ({"gold": LABELS}, "text, gold"),
    ],
)
def test_values_that_do_not_decide_are_an_error_with_a_hint(columns: dict[str, list[Cell]], hint: str) -> None:
    with pytest.raises(DataError, match=hint) as caught:
        choose_columns(sample(text=TEXTS, **columns), DataSettings())
    assert all(flag in str(caught.value) for flag in ("--text", "--label", "--score"))


def test_two_fitting_columns_are_ambiguous_unless_one_has_the_first_name() -> None:
    with pytest.raises(DataError, match="'title' and 'content'"):
        choose_columns(sample(title=TEXTS, content=TEXTS, label=LABELS), DataSettings())
    assert choose_columns(sample(title=TEXTS, text=TEXTS, label=LABELS), DataSettings()).text == "text"


def test_nothing_obvious_lists_the_columns() -> None:
    with pytest.raises(DataError, match="The columns are: foo, bar;"):
        choose_columns(sample(foo=TEXTS, bar=LABELS), DataSettings())


def test_a_missing_column_is_an_error_with_the_closest_name() -> None:
    with pytest.raises(DataError, match=r"no column 'lable' \(--label\); did you mean 'Label'.*text, Label"):
        choose_columns(sample(text=TEXTS, Label=LABELS), DataSettings(label="lable"))


def test_one_column_cannot_play_two_parts() -> None:
    with pytest.raises(DataError, match="two parts"):
        choose_columns(sample(text=TEXTS, label=LABELS), DataSettings(text="text", label="text"))


def test_the_columns_of_json_rows_are_those_of_all_of_them() -> None:
    rows = [Row(1, {"text": "first one"}), *sample(text=TEXTS, label=LABELS)]
    assert choose_columns(rows, DataSettings()).label == "label"


def test_columns_are_told_with_what_was_guessed() -> None:
    said = describe_columns(Columns("review", score="stars", group="author", guessed=("text",)))
    assert said == "text = 'review' (guessed), score = 'stars', group = 'author'"


def test_scores_with_decimal_commas_are_guessed_and_told() -> None:
    commas: list[Cell] = [str(score).replace(".", ",") for score in SCORES]
    columns = choose_columns(sample(text=TEXTS, Bewertung=["x"], score=commas), DataSettings())
    assert columns == Columns("text", score="score", guessed=("text", "score"), decimal_mark=",")
    assert describe_columns(columns).endswith("score = 'score' (guessed) (with decimal commas)")


def test_the_object_that_a_used_path_leads_into_is_not_told_as_unused() -> None:
    objects: list[Cell] = [Unusable("an object")]
    values: dict[str, list[Cell]] = {"review": objects, "review.body": TEXTS, "meta": objects, "label": LABELS}
    rows = sample(**values)
    columns = choose_columns(rows, DataSettings(text="review.body"))
    assert unused_columns(rows, columns) == ("meta",)
