from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, select, update

from darse.errors import StoreError
from darse.store.schema import EVENTS, FINDINGS, METADATA
from darse.store.seal import DamagedError, canonical, checked_key, sealed, unsealed

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_canonical_text_reads_back_as_the_value(value: object) -> None:
    assert json.loads(canonical(value, "value")) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_to_the_bit(number: float) -> None:
    back = json.loads(canonical(number, "value"))

    assert back == number
    assert math.copysign(1.0, back) == math.copysign(1.0, number)


@given(st.dictionaries(st.text(), JSON_VALUES))
def test_the_order_of_keys_makes_no_difference(value: dict[str, object]) -> None:
    assert canonical(dict(reversed(value.items())), "value") == canonical(value, "value")


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": -math.inf}, object(), b"bytes", {(1, 2): 3}])
def test_what_is_not_json_is_refused_by_name(value: object) -> None:
    with pytest.raises(StoreError, match="the finding cannot be stored as JSON"):
        canonical(value, "the finding")


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)

    with pytest.raises(StoreError):
        canonical(value, "value")


@given(st.text())
def test_a_key_is_kept_or_refused(text: str) -> None:
    try:
        assert checked_key(text, "stage") == text
    except StoreError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - both are right


def test_a_changed_column_no_longer_fits_the_digest() -> None:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    row = sealed(FINDINGS, {"study": "a", "stage": "b", "body": "{}"})
    with engine.begin() as connection:
        connection.execute(insert(FINDINGS).values(row))
        kept = connection.execute(select(FINDINGS)).mappings().one()
        assert unsealed(FINDINGS, kept, "finding") == {"study": "a", "stage": "b", "body": "{}"}
        for column, other in (("study", "A"), ("stage", ""), ("body", "[]"), ("body", b"{}"), ("digest", "0" * 64)):
            connection.execute(update(FINDINGS).values({**row, column: other}))
            with pytest.raises(DamagedError, match="finding"):
                unsealed(FINDINGS, connection.execute(select(FINDINGS)).mappings().one(), "finding")
    engine.dispose()


def test_a_row_does_not_pass_for_one_of_another_table() -> None:
    values = {"study": "a", "ordinal": 0, "body": "{}"}

    assert sealed(EVENTS, values)["digest"] != sealed(FINDINGS, values)["digest"]
