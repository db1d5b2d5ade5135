"""The published schema against the server: what it allows is answered as it says, what it forbids is refused (H6)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from tests.serve.serving import Running, running

Operation = APIOperation[Any, Any, Any, Any]

OPERATIONS = [
    *(
        "POST /v1/score",
        "POST /v1/feedback",
        "GET /v1/models",
        "PUT /v1/labels/prod",
        "PUT /v1/labels/canary",
        "DELETE /v1/labels/canary",
    ),
    *("POST /v1/promote", "POST /v1/rollback", "POST /v1/reload", "GET /livez", "GET /readyz", "GET /metrics"),
]
EXAMPLES = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 25
TAKING = ("POST /v1/score", "POST /v1/feedback", "PUT /v1/labels/prod", "PUT /v1/labels/canary")
UNSAID = re.compile(
    "NUL character|no visible character|1 to 100000 can be scored|without targets|have a target|"
    "give a label|label is none"
)
"""What no schema can say: a text holds something to read, it has the targets and labels that the adapter knows."""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as opened:
        yield opened


@pytest.fixture(scope="module")
def operations(server: Running) -> dict[str, Operation]:
    schema = schemathesis.openapi.from_url(f"{server.service.address}/openapi.json")
    results = list(schema.get_all_operations())
    found = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(found) == len(results)
    return {f"{one.method.upper()} {one.path}": one for one in found}


def test_every_operation_is_tried(operations: dict[str, Operation]) -> None:
    assert sorted(operations) == sorted(OPERATIONS)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, schemathesis.GenerationMode.POSITIVE) for name in OPERATIONS),
        *((name, schemathesis.GenerationMode.NEGATIVE) for name in OPERATIONS if name in TAKING),
    ],
)
def test_every_answer_is_one_that_the_schema_names(
    operations: dict[str, Operation], name: str, mode: schemathesis.GenerationMode
) -> None:
    operation = operations[name]

    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    def try_it(case: schemathesis.Case[Any]) -> None:
        answer = case.call()
        if not (answer.status_code == 422 and name in TAKING[:2] and UNSAID.search(answer.text)):
            case.validate_response(answer)

    try_it()
