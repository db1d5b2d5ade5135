"""The model card: a hub can read it, and its code runs."""

from __future__ import annotations

import html
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from darse.model.adapter import write_adapter
from darse.model.base import BUNDLED_HUB_NAME, BUNDLED_PACKAGE, find_base
from darse.model.reload import load_adapter
from darse.ranks.plan import RankPlan, Site
from darse.report.card import in_markdown, model_card
from darse.report.facts import named_plans
from darse.search.result import Result
from darse.settings import Profile
from tests.model.samples import JOINT, MAX_LENGTH, new_setup, random_weights
from tests.report.samples import SHAPES, a_result

PROFILES = ("native", "padded", "merged")


def code_of(card: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)\n```", card, flags=re.S)
    return str(code)


def _ranked(result: Result, plan: RankPlan) -> list[tuple[Site, int]]:
    """The sites that have a rank, with it."""
    return [(site, rank) for site, rank in zip(result.sites, plan, strict=True) if rank]


def read(card: str) -> Any:
    """The front matter as the hub's own library reads and checks it."""
    data: Any = ModelCard(card).data
    return data.to_dict()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_hub_reads_the_front_matter(name: str, profile: str) -> None:
    result = a_result(SHAPES[name])
    data = read(model_card(result, profile))
    assert data["license"] == "other"
    assert data["base_model"] == result.origin.base_name
    assert data["library_name"] == ("transformers" if profile == "merged" else "peft")
    assert ("lora" in data["tags"]) == (profile != "merged")
    if result.quality is not None:
        index = data["model-index"][0]["results"][0]["metrics"]
        assert {one["type"]: one["value"] for one in index} == pytest.approx(dict(result.quality.test), rel=1e-5)


def test_a_base_model_in_a_local_folder_is_not_given_to_the_hub_as_its_name() -> None:
    result = a_result()
    local = replace(result, origin=replace(result.origin, base_name="/home/me/models/bert"))
    card = model_card(local, "native")
    assert "base_model" not in read(card)
    assert "A LoRA adapter for /home/me/models/bert" in card


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_card_tells_the_verdict_the_plan_and_the_metrics(name: str) -> None:
    result = a_result(SHAPES[name])
    card = model_card(result, "native")
    assert all(f"| {rank} | {rank * site.unit_cost:,} |" in card for site, rank in _ranked(result, result.plan))
    for control in result.verdict.controls:
        assert f"| {control.name} | {control.cost:,} |" in card
    assert f"{result.cost:,} trainable parameters" in card
    assert "## Quality" in card
    assert "## Limits" in card


@pytest.mark.parametrize("name", ["six layers, score", "joint task", "72 modules"])
def test_the_card_of_a_control_states_its_own_figures_and_none_of_the_found_plan(name: str) -> None:
    result = a_result(SHAPES[name])
    for control in named_plans(result)[1:]:
        card = model_card(result, "native", control)
        assert f"this adapter is its control {control.name}." in card
        assert f"{control.cost:,} trainable parameters" in card
        assert all(f"| {rank} | {rank * site.unit_cost:,} |" in card for site, rank in _ranked(result, control.plan))
        assert "above zero the found plan is better" in card
        assert "| metric on validation |" in card
        assert "model-index" not in read(card)


def test_the_same_result_gives_the_same_card() -> None:
    result = a_result(SHAPES["joint task"])
    assert model_card(result, "native") == model_card(Result.from_json(result.to_json()), "native")


# what peft and transformers say to each other is no business of the card
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("profile", PROFILES)
def test_the_code_of_the_card_runs_and_gives_what_the_adapter_gives(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = new_setup("bert", tmp_path / "base", JOINT)
    adapter = tmp_path / "adapter"
    write_adapter(setup.export(random_weights(setup, setup.ranks(0, 2, 1, 0))), adapter, profile)
    shape = replace(SHAPES["joint task"], has_target=True, classes=JOINT.classes)
    result = a_result(shape)
    assert result.check is not None
    result = replace(
        result,
        origin=replace(result.origin, base_name=str(tmp_path / "base")),
        check=replace(result.check, tokens={"limit": MAX_LENGTH}),
    )
    monkeypatch.chdir(adapter)
    ran: dict[str, object] = {}
    exec(code_of(model_card(result, profile)), ran)
    loaded = load_adapter(adapter)
    inputs = loaded.tokenizer(["the company"], ["Profit rises sharply in the third quarter."], return_tensors="pt")
    with torch.no_grad():
        expected = loaded.model(**inputs).logits
    outputs = ran["outputs"]
    assert isinstance(outputs, torch.Tensor)
    assert torch.allclose(outputs, expected, atol=1e-5)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2] == str([JOINT.classes[int(expected[0, :2].argmax())]])
    assert float(printed[-1].strip("[]")) == pytest.approx(float(expected[0, 2]), abs=1e-4)


@pytest.mark.parametrize("is_installed", [True, False])
def test_the_code_of_the_card_finds_the_bundled_base_model_without_a_hub(
    is_installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_installed:
        monkeypatch.setitem(sys.modules, BUNDLED_PACKAGE, None)  # as Python notes that a package is not there
    result = a_result()
    result = replace(result, origin=replace(result.origin, base_name=BUNDLED_HUB_NAME))
    lines = code_of(model_card(result, "native")).splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("base = "))
    ran: dict[str, object] = {}
    exec("\n".join([lines[0], *lines[place - 1 : place + 1]]), ran)
    assert ran["base"] == (str(find_base("minilm").folder) if is_installed else BUNDLED_HUB_NAME)


@pytest.mark.parametrize("name", ["darse-fiqa_headlines", "fiqa_headlines.csv", "Q3 (final), 10:30 50%", "it's"])
def test_a_harmless_name_stands_in_the_card_as_it_is(name: str) -> None:
    assert in_markdown(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "http://evil.example",
        "WWW.evil.example",
        "me@evil.example",
        "mailto:me@evil.example",
        "*a* _b_ __c__ ~~d~~ `e`",
        "<b>x</b> &amp; \\*",
        "[x](y) ![z](u) [x]: y",
        "a|b",
        "# h",
        "- item",
        "1. item",
        "12) item",
        "=====",
        "> quote",
    ],
)
def test_no_mark_of_a_text_means_anything_to_a_reader_of_markdown(text: str) -> None:
    written = in_markdown(text)
    # what GitHub makes links and mentions of by itself
    assert not re.search(r"(?i)https?://|www\.|mailto:|@", written)
    assert (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(written)
        == f"<p>{html.escape(text, quote=False)}</p>\n"
    )


def test_the_card_names_whose_licences_bind_and_asks_for_a_check() -> None:
    card = model_card(a_result(SHAPES["six layers, score"]), "native")
    assert "licences of its base model (sentence-transformers/all-MiniLM-L6-v2)" in card
    assert "the training data (headlines.csv)" in card
    assert "Check both" in card


def test_shares_of_a_card_are_all_in_per_cent() -> None:
    card = model_card(a_result(SHAPES["24 layers, classes"]), "native")
    assert "| calibration error | 3.1 % |" in card
    assert "| negative | 80.0 % | 80.0 % | 80.0 % |" in card
