"""Hostile texts in names, columns, classes, reasons and metrics: nothing of them comes alive in what we write."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from darse.report.card import model_card
from darse.report.page import render_report
from darse.report.summary import summary_lines
from tests.report.parsed import parse
from tests.report.samples import SHAPES, a_result, with_texts

ATTACKS = (
    "<script>alert(1)</script>",
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    "<svg><script>window.pwned=1</script></svg>",
    '" onmouseover="window.pwned=1" x="',
    "' onfocus='window.pwned=1' autofocus='",
    "javascript:window.pwned=1",
    "<a href='javascript:window.pwned=1'>click</a>",
    '<a href="https://evil.example/">good</a>',
    "[click](javascript:window.pwned=1)",
    "![x](https://evil.example/x.png)",
    "<iframe src=https://evil.example></iframe>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>*{display:none}</style>",
    "--></style><script>window.pwned=1</script>",
    "<!--<script>",
    "<![CDATA[<script>window.pwned=1</script>]]>",
    "{{ 7*7 }}{% raw %}",
    "%{x}<b>bold</b><extra></extra>",
    "@accent",
    "---\nlicense: mit\n---",
    "evil: [1, 2]\nlicense: mit # \"quoted\" 'too'",
    "```\n<script>window.pwned=1</script>\n```",
    "| a | b |\n|---|---|",
    "# heading\n- list\n1. list",
    "\x1b[31mred\x07\x00",
    "\u202egnp.exe \u2028 \ufeff \ufffe \U0001f600",
    "https://evil.example/?a=<b>&c=www.evil.example",
    '\\");window.pwned=1;//',
    "${window.pwned=1}`",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
)
HOSTILE = with_texts(a_result(SHAPES["failures"]), ATTACKS)
TURNS = tuple(with_texts(a_result(SHAPES["joint task"]), ATTACKS[turn:] + ATTACKS[:turn]) for turn in range(0, 34, 3))


def test_more_than_thirty_texts_are_tried() -> None:
    assert len(set(ATTACKS)) >= 30


@pytest.mark.parametrize("turn", range(len(TURNS)))
def test_no_text_becomes_a_tag_an_attribute_or_a_script_of_the_report(turn: int) -> None:
    html = render_report(TURNS[turn])
    page = parse(html)
    clean = parse(render_report(a_result(SHAPES["joint task"])))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert [attributes for attributes, _ in page.scripts] == [attributes for attributes, _ in clean.scripts]
    known = {name for _, attributes in clean.tags for name in attributes}
    for _, attributes in page.tags:
        assert set(attributes) <= known
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#")
    assert sum(len(content) > 0 for _, content in page.scripts) == 4


def test_data_inside_scripts_hold_no_mark_of_html() -> None:
    for attributes, content in parse(render_report(HOSTILE)).scripts:
        if "type" in attributes:
            assert not set("<>&'") & set(content)


def test_chart_texts_hold_no_tag_that_plotly_would_draw() -> None:
    page = parse(render_report(HOSTILE))
    allowed = re.compile(r"<br>|<extra></extra>|<extra>%\{fullData\.name\}</extra>")
    for text in _texts(page.data("charts")):
        assert "<" not in allowed.sub("", text)


def test_the_texts_are_still_there_to_be_read() -> None:
    text = parse(render_report(HOSTILE)).text
    assert "<script>alert(1)</script>" in text
    assert "[click](javascript:window.pwned=1)" in text


def test_control_and_direction_characters_are_gone_from_everything() -> None:
    for content in (render_report(HOSTILE), model_card(HOSTILE, "native"), "".join(summary_lines(HOSTILE))):
        assert not set("\x00\x07\x1b\u202e\u2028\ufeff") & set(content)


@pytest.mark.parametrize("turn", range(len(TURNS)))
def test_the_card_keeps_its_front_matter_and_its_markdown_means_nothing_live(turn: int) -> None:
    card = ModelCard(model_card(TURNS[turn], "native"))
    front: Any = card.data
    assert front.license == "other"
    assert front.library_name == "peft"
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table"])
    tokens = [inner for token in reader.parse(card.text) for inner in (token, *(token.children or []))]
    assert not {token.type for token in tokens} & {"html_block", "html_inline", "link_open", "image", "hr"}
    headings = [place for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert len(headings) == 7
    tables = sum(token.type == "table_open" for token in tokens)
    assert tables == sum(token.type == "table_open" for token in reader.parse(_clean_text()))
    assert sum(token.type == "fence" for token in tokens) == 1


def test_the_code_of_the_card_stays_python_and_names_the_classes_as_they_are() -> None:
    for result in TURNS:
        (code,) = re.findall(r"```python\n(.*?)\n```", model_card(result, "native"), flags=re.S)
        (classes,) = (
            ast.literal_eval(line.value)
            for line in ast.parse(code).body
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "classes"
        )
        assert tuple(classes) == result.task.classes
        assert not set("<>`&") & set(code)


def _clean_text() -> str:
    return ModelCard(model_card(a_result(SHAPES["joint task"]), "native")).text


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    assert json.dumps(value)
    return []
