"""Settings: every default is valid, every problem is named, and none is missed."""

from __future__ import annotations

import pytest

from darse.errors import SettingsError
from darse.settings import (
    DataSettings,
    Options,
    SearchSettings,
    Settings,
    TrainSettings,
    as_option,
    parse_settings,
    settings_from_options,
)


def test_no_values_give_the_defaults() -> None:
    assert parse_settings({}) == Settings() == settings_from_options({})
    assert Settings().search.margin == 0.01
    assert Settings().search.budget is None


def test_all_problems_are_reported_together_with_what_was_given() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({"search": {"seeds": 1, "margin": -0.1}, "train": {"epochs": 0}, "nonsense": 3})
    assert len(caught.value.problems) == 4
    message = str(caught.value)
    wanted = ("seeds must be 2 or more, got 1", "margin must be 0 or more, got -0.1", "epochs must be 1 or more, got 0")
    assert all(part in message for part in (*wanted, "nonsense: there is no such option"))


def test_ranks_in_the_wrong_order_are_refused_by_their_options() -> None:
    with pytest.raises(SettingsError, match=r"^min_rank 8 is above max_rank 4$"):
        settings_from_options({"min_rank": 8, "max_rank": 4})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_minutes", 0.0, "--max-minutes must be above 0, got 0"),
        ("learning_rates", [0.0], "--learning-rate must be above 0, got 0"),
        ("seeds", 51, "--seeds must be 50 or less, got 51"),
        ("min_rank", 32, "--min-rank 32 is above --max-rank 16"),
    ],
)
def test_a_wrong_option_is_named_as_whoever_gave_it_calls_it(name: str, value: object, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from_options({name: value}, called=as_option)
    assert caught.value.problems == (said,)
    with pytest.raises(SettingsError, match=f"^{name} "):
        settings_from_options({name: value})


@pytest.mark.parametrize(("wrong", "meant"), [("learning_rate", "learning_rates"), ("max_minute", "max_minutes")])
def test_an_unknown_option_comes_with_the_one_that_is_meant(wrong: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"^{wrong}: there is no such option; did you mean {meant}[?]$"):
        settings_from_options({wrong: 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seeds", "three"),
        ("seeds", 51),
        ("seed", -1),
        ("learning_rates", [0.0]),
        ("learning_rates", [float("nan")]),
        ("valid_fraction", 0.5),
        ("max_minutes", 0),
        ("max_trials", 0),
        ("objective", "fastest"),
        ("strategy", "tpe"),
        ("checkpoint_seconds", float("nan")),
        ("alpha", 0),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_from_options({name: value})


def test_flat_options_find_their_section_and_none_means_the_default() -> None:
    found = settings_from_options(
        {"text": "headline", "epochs": 3, "seeds": 5, "model": "here", "trust_remote_code": True, "budget": None}
    )
    assert (found.data.text, found.train.epochs, found.search.seeds) == ("headline", 3, 5)
    assert (found.model, found.trust_remote_code, found.search.budget) == ("here", True, None)


def test_unknown_options_are_all_named() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from_options({"rank": 3, "lr": 0.1, "seeds": 5})
    assert caught.value.problems == ("rank: there is no such option", "lr: there is no such option")


def test_no_two_sections_share_an_option() -> None:
    names = [name for section in (DataSettings, TrainSettings, SearchSettings) for name in section.model_fields]
    assert len(names) == len(set(names))


def test_settings_cannot_be_changed_and_survive_json() -> None:
    with pytest.raises(SettingsError, match=r"label_map \(gut\) must be a text, got 1"):
        settings_from_options({"label_map": {"gut": 1}})
    found = settings_from_options({"seeds": 5, "label_map": {"gut": "positive"}})
    with pytest.raises(ValueError, match="frozen"):
        setattr(found.search, "seeds", 3)  # noqa: B010 - a type checker would refuse the plain form
    assert Settings.model_validate_json(found.model_dump_json()) == found


def test_options_are_exactly_the_settings() -> None:
    names = {name for section in (DataSettings, TrainSettings, SearchSettings) for name in section.model_fields}
    own = {"evaluator"}  # `explore` takes it apart, as a name or as a function
    assert set(Options.__annotations__) == names - own | {"model", "trust_remote_code"}


def test_unknown_and_wrong_options_are_reported_together() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from_options({"rank": 3, "seeds": 1})
    assert [problem.split()[0] for problem in caught.value.problems] == ["rank:", "seeds"]


@pytest.mark.parametrize("text", ["500k", " 1% ", "uniform:8"])
def test_a_budget_is_kept_as_it_was_written(text: str) -> None:
    assert settings_from_options({"budget": text}).search.budget == text


def test_a_text_that_is_no_budget_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(SettingsError, match="'lots' is no budget; write 500k, 1%"):
        settings_from_options({"budget": "lots"})


@pytest.mark.parametrize(("given", "kept"), [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("\t", "\t"), (None, None)])
def test_a_separator_is_one_mark_and_a_tab_may_be_written_as_a_word(given: str | None, kept: str | None) -> None:
    assert settings_from_options({"separator": given}).data.separator == kept


@pytest.mark.parametrize("given", ["", ";;", "x", "7", '"', "\n", "\0", " "])
def test_what_cannot_separate_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match=r"--separator .* is no separator"):
        settings_from_options({"separator": given}, called=as_option)


@pytest.mark.parametrize("given", ["", "klingon", "rot13", "hex", "idna", "unicode_escape", "utf-8\0"])
def test_an_encoding_that_no_text_has_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match=r"--encoding .* is not known"):
        settings_from_options({"encoding": given}, called=as_option)
    assert settings_from_options({"encoding": "Windows-1252"}).data.encoding == "Windows-1252"
