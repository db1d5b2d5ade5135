"""The HTTP side: answers, labels, figures and errors, over a real server with adapters that need no model."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from darse.serve.registry import LabelsRecord
from tests.serve.serving import WAIT_S, Running, digest_of, running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as opened:
        yield opened


@pytest.fixture
def fresh() -> Iterator[Running]:
    with running() as opened:
        yield opened


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def figures(server: Running, name: str) -> dict[str, float]:
    """Values of one figure by its labels."""
    lines = server.client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)}


def test_one_text_is_answered_with_the_adapter_that_said_so(server: Running) -> None:
    answer = server.ask("not bad", id="order-17")
    expected = server.scorer.expected("not bad")
    assert answer.status_code == 200
    assert answer.json() == {
        "results": [
            {
                "id": "order-17",
                "label": expected.label,
                "score": expected.score,
                "probabilities": dict(expected.probabilities),
                "adapter": "a",
                "digest": digest_of(0),
                "served_as": "prod",
            }
        ]
    }


def test_many_texts_are_answered_in_order_with_their_ids_or_new_ones(server: Running) -> None:
    texts = ["x" * (1 + 7 * number % 50) for number in range(64)]
    items = [text if number % 2 else {"text": text, "id": f"n{number}"} for number, text in enumerate(texts)]
    results = server.client.post("/v1/score", json={"texts": items}).json()["results"]
    assert [one["score"] for one in results] == [server.scorer.expected(text).score for text in texts]
    assert [one["id"] for one in results[::2]] == [f"n{number}" for number in range(0, 64, 2)]
    assert len({one["id"] for one in results}) == 64


REFUSED: list[tuple[object, str]] = [
    ({}, "one.text: Field required"),
    ({"text": ""}, "text: String should have at least 1 character"),
    ({"text": "   "}, "text 1 has 3 characters; 1 to 100000 can be scored"),
    ({"text": 7}, "text: Input should be a valid string"),
    ({"text": "good", "target": "Acme"}, "this adapter was trained without targets"),
    ({"text": "good", "more": 1}, "more: Extra inputs are not permitted"),
    ({"text": "good", "id": "a b"}, "id: String should match pattern"),
    ({"text": "x" * 10_001}, "text 1 has 10001 characters; 10000 is the most"),
    ({"texts": []}, "texts: List should have at least 1 item"),
    ({"texts": ["good"] * 65}, "65 texts in one request; 64 is the most"),
    ({"texts": ["good", None]}, "texts.1"),
    ({"texts": ["good", ""]}, "texts.1: String should have at least 1 character"),
    ({"texts": ["good", "a\0"]}, "text 2: the text contains a NUL character"),
    ({"texts": [{"text": "good", "target": "Acme"}, "good"]}, "1 of 2 texts have a target"),
    ([], "body: Input should be"),
]


@pytest.mark.parametrize(("body", "said"), REFUSED)
def test_what_cannot_be_scored_is_refused_with_place_and_reason(server: Running, body: object, said: str) -> None:
    answer = server.client.post("/v1/score", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["status"] == 422
    assert said.removeprefix("one.") in answer.json()["error"]["message"]


def test_what_is_not_there_or_not_asked_so_is_the_same_kind_of_answer(server: Running) -> None:
    for method, path, status in [("GET", "/v2", 404), ("GET", "/v1/score", 405), ("PATCH", "/livez", 405)]:
        answer = server.client.request(method, path)
        assert answer.status_code == answer.json()["error"]["status"] == status


def test_what_breaks_inside_is_not_shown(server: Running) -> None:
    answer = server.ask("break")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert server.ask("good").status_code == 200


def test_a_canary_is_met_by_the_same_ids_promoted_and_taken_back(fresh: Running) -> None:
    put = fresh.client.put("/v1/labels/canary", json={"name": "b", "percent": 30})
    assert put.json()["canary"] == {"name": "b", "digest": digest_of(0.001)}
    items = [{"text": "good", "id": f"customer-{number}"} for number in range(64)]
    first, second = (fresh.client.post("/v1/score", json={"texts": items}).json()["results"] for _ in range(2))
    assert first == second
    assert {(one["adapter"], one["served_as"]) for one in first} == {("a", "prod"), ("b", "canary")}
    for one in first:
        assert one["digest"] == digest_of(0.001 if one["adapter"] == "b" else 0)
        assert one["score"] == pytest.approx(0.04 + (0.001 if one["adapter"] == "b" else 0))
    assert fresh.client.post("/v1/promote").json()["prod"]["name"] == "b"
    assert fresh.ask().json()["results"][0]["adapter"] == "b"
    assert fresh.client.post("/v1/rollback").json()["prod"]["name"] == "a"
    assert fresh.ask().json()["results"][0]["adapter"] == "a"
    assert [record.prod for record in fresh.registry.kept[-2:]] == ["b", "a"]


def test_labels_that_cannot_be_are_refused_and_change_nothing(fresh: Running) -> None:
    before = fresh.client.get("/v1/models").json()
    for path, body in [("prod", {"name": "nobody"}), ("canary", {"name": "../b"}), ("canary", {"name": "b" * 255})]:
        assert fresh.client.put(f"/v1/labels/{path}", json=body).status_code == 409
    assert fresh.client.put("/v1/labels/canary", json={"name": "b", "percent": 101}).status_code == 422
    assert fresh.client.put("/v1/labels/other", json={"name": "b"}).status_code == 404
    for path in ("promote", "rollback"):
        assert fresh.client.post(f"/v1/{path}").status_code == 409
    assert fresh.client.get("/v1/models").json() == before


def test_the_shadow_is_compared_and_seen_by_nobody(fresh: Running) -> None:
    fresh.registry.scorers["b"].shift = 0.3
    assert fresh.client.put("/v1/labels/canary", json={"name": "b", "shadow": True}).status_code == 200
    for _ in range(5):
        assert fresh.ask("x" * 40).json()["results"][0]["adapter"] == "a"
    wait_for(lambda: sum(figures(fresh, "darse_shadow_texts_total").values()) == 5)
    assert figures(fresh, "darse_shadow_texts_total") == {'darse_shadow_texts_total{outcome="different"}': 5.0}
    fresh.client.delete("/v1/labels/canary")
    fresh.ask()
    assert sum(figures(fresh, "darse_shadow_texts_total").values()) == 5


def test_models_lists_every_adapter_with_its_labels(server: Running) -> None:
    answer = server.client.get("/v1/models").json()
    assert [(one["name"], one["labels"]) for one in answer["models"]] == [("a", ["prod"]), ("b", []), ("c", [])]
    assert answer["models"][0]["classes"] == ["bad", "good"]


def test_an_adapter_is_swapped_under_requests_and_no_answer_is_a_mixture(fresh: Running) -> None:
    """R15, in its small form; the long one is in benchmarks/serve_reliability.py."""
    swapped = threading.Event()

    def swap() -> None:
        for name in ["b", "c", "a"] * 10:
            assert fresh.client.put("/v1/labels/prod", json={"name": name}).status_code == 200
        swapped.set()

    def ask(number: int) -> str:
        results = fresh.client.post("/v1/score", json={"texts": ["good", "x" * 20, "y"]}).json()["results"]
        (adapter,) = {one["adapter"] for one in results}
        shift = fresh.registry.scorers[adapter].shift
        assert {one["digest"] for one in results} == {digest_of(shift)}
        assert [one["score"] for one in results] == pytest.approx([0.04 + shift, 0.2 + shift, 0.01 + shift])
        return str(adapter)

    with ThreadPoolExecutor(8) as pool:
        swapping = pool.submit(swap)
        asked = Counter(pool.map(ask, range(200)))
        swapping.result()
    assert asked.total() == 200


def test_when_too_much_waits_requests_are_told_when_to_come_back(fresh: Running) -> None:
    """H4 and H7, in their small forms."""
    with running(max_waiting=64, deadline_s=600) as busy, ThreadPoolExecutor(100) as pool:
        busy.scorer.gate.clear()
        asked = [pool.submit(busy.ask, "good") for _ in range(100)]
        wait_for(lambda: sum(one.done() for one in asked) >= 4)
        assert busy.client.get("/livez").status_code == busy.client.get("/readyz").status_code == 200
        busy.scorer.gate.set()
        answers = [one.result() for one in asked]
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {200, 429}
        assert all(int(one.headers["retry-after"]) >= 1 for one in answers if one.status_code == 429)
        assert busy.ask("good").status_code == 200
        counted = figures(busy, 'darse_requests_total{method="POST",route="/v1/score"')
        assert sum(counted.values()) == 101
        assert sum(figures(busy, "darse_texts_total").values()) == statuses[200] + 1
        assert figures(busy, "darse_refused_texts_total") == {
            'darse_refused_texts_total{reason="queue full"}': float(statuses[429])
        }


def test_a_request_is_answered_by_its_deadline() -> None:
    with running(deadline_s=0.05) as slow:
        slow.scorer.gate.clear()
        answer = slow.ask()
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1


def test_strangers_paths_and_methods_make_no_new_figures(fresh: Running) -> None:
    for number in range(20):
        fresh.client.request("BREW", f"/{number}")
    assert len(figures(fresh, "darse_requests_total{")) == 1


def test_labels_of_before_a_restart_come_back() -> None:
    with running(LabelsRecord(prod="b", canary="c", percent=50, previous="a")) as server:
        labels = server.client.get("/v1/models").json()["labels"]
        assert (labels["prod"]["name"], labels["canary"]["name"], labels["previous"]["name"]) == ("b", "c", "a")
        assert labels["percent"] == 50


def test_the_page_to_try_it_is_there_and_asks_nobody_else(server: Running) -> None:
    page = server.client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("https://", "")
    for path in ("/page.js", "/page.css"):
        assert path in page.text
        assert server.client.get(path).status_code == 200
