"""A result as JSON: it comes back as it was, and one of another version is refused in one line."""

from __future__ import annotations

import json

import pytest

from darse.errors import StoreError
from darse.search.result import Result
from tests.report.samples import SHAPES, a_result


@pytest.mark.parametrize("shape", SHAPES)
def test_a_result_survives_its_own_json(shape: str) -> None:
    result = a_result(SHAPES[shape])
    assert Result.from_json(result.to_json()) == result


def test_a_result_of_another_version_names_what_differs_and_what_to_do() -> None:
    values = json.loads(a_result().to_json())
    del values["findings"]["calibrate"]["noise_floor"]
    with pytest.raises(StoreError, match=r"findings\.calibrate\.noise_floor: .*run its command again"):
        Result.from_json(json.dumps(values).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff"])
def test_what_is_no_result_is_refused(content: bytes) -> None:
    with pytest.raises(StoreError, match="another version of darse"):
        Result.from_json(content)
