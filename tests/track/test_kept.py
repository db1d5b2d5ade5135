"""A trace comes back from its artifact as it was, and what is none is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import CorruptStoreError
from darse.track.kept import trace_from_bytes, trace_to_bytes
from darse.train.trace import Trace, TracePoint

FIGURES = st.floats(0, 1e300)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    width = draw(st.integers(0, 4))
    row = st.lists(FIGURES, min_size=width, max_size=width).map(tuple)
    names = draw(st.lists(st.text(max_size=20), min_size=width, max_size=width, unique=True))
    points = [TracePoint(epoch, draw(row), draw(row), draw(row)) for epoch in range(draw(st.integers(0, 3)))]
    return Trace(tuple(names), tuple(range(width)), tuple(points))


@given(traces())
def test_a_trace_comes_back_to_the_bit(trace: Trace) -> None:
    assert trace_from_bytes(trace_to_bytes(trace)) == trace


GOOD = {"modules": ["a"], "ranks": [1], "points": [{"epoch": 1, "gradient": [1], "update": [1], "effective_rank": [1]}]}


@pytest.mark.parametrize(
    "change",
    [
        {"ranks": [1, 2]},
        {"ranks": [-1]},
        {"modules": []},
        {"points": [{"epoch": 1, "gradient": [], "update": [1], "effective_rank": [1]}]},
        {"points": [{"epoch": 1, "gradient": [-1], "update": [1], "effective_rank": [1]}]},
        {"points": {}},
        {"more": 1},
    ],
)
def test_what_is_no_trace_is_refused(change: dict[str, object]) -> None:
    assert trace_from_bytes(json.dumps(GOOD).encode()).modules == ("a",)
    with pytest.raises(CorruptStoreError, match="trace of a run is not what it should be"):
        trace_from_bytes(json.dumps(GOOD | change).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"modules": NaN}', b"[" * 100_000])
def test_bytes_that_are_no_trace_are_refused(content: bytes) -> None:
    with pytest.raises(CorruptStoreError, match="trace of a run is not what it should be"):
        trace_from_bytes(content)
