"""The end of a run in a terminal: narrow, plain, complete."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from darse.report.summary import WIDTH, summary_lines
from tests.report.samples import SHAPES, a_result, with_texts


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_lines_fit_78_columns_and_hold_no_control_characters(name: str) -> None:
    for line in summary_lines(a_result(SHAPES[name])):
        assert cell_len(line) <= WIDTH
        assert line.isprintable()
        assert line == line.rstrip()


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_verdict_comes_first_and_every_control_is_in_the_table(name: str) -> None:
    result = a_result(SHAPES[name])
    lines = summary_lines(result)
    assert " ".join(lines).startswith(result.verdict.sentence[:60])
    for control in result.verdict.controls:
        assert any(line.strip().startswith(control.name) and f"{control.cost:,}" in line for line in lines)


def test_each_layer_has_a_bar_as_long_as_its_rank() -> None:
    result = a_result(SHAPES["six layers, score"])
    bars = [line.count("#") for line in summary_lines(result) if "  rank " in line]
    top = max(result.plan)
    assert bars == [32 * rank // top for rank in result.plan]


def test_many_modules_are_summed_by_layer() -> None:
    lines = summary_lines(a_result(SHAPES["72 modules"]))
    assert sum("parameters" in line and line.startswith("  layer") for line in lines) == 12


def test_wide_and_hostile_names_neither_widen_nor_steer_the_terminal() -> None:
    names = ["市場" * 60, "\x1b[31mred\x1b[0m", "\u202eback", "a\nb"]
    result = with_texts(a_result(SHAPES["failures"]), names)
    for hostile in (result, replace(result, name="市" * 200)):
        assert all(cell_len(line) <= WIDTH and line.isprintable() for line in summary_lines(hostile))
