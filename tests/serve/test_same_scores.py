"""A text has the same score over HTTP as in a file, up to the order of a sum in float32 (H15).

Probabilities are within its 1e-6; a score of `native` differed by 1.4e-6 with other company in its batch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from darse.api import open_study
from darse.data.read import read_rows
from darse.data.write import write_rows
from darse.score.scorer import AdapterScorer
from darse.serve.models import Models
from darse.serve.registry import open_registry
from darse.serve.run import Service
from darse.serve.settings import serve_settings
from darse.settings import Profile
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.score.scoring import score
from tests.serve.serving import WAIT_S

SCORE_TOLERANCE = 5e-6
"""Float32 has about so many digits at the size of the outputs."""
TEXTS = [str(row["text"]) for row in labelled_rows(60, seed=9)] + ["a", "words " * 200, "\u00fcber"]


@pytest.fixture(scope="module", params=["native", "onnx"])
def adapter(request: pytest.FixtureRequest, small_study: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    profile: Profile = request.param
    return open_study(small_study.folder).export(tmp_path_factory.mktemp("served") / profile, profile)


@pytest.fixture(scope="module")
def address(adapter: Path) -> Iterator[str]:
    registry = open_registry(adapter, AdapterScorer.open)
    service = Service(Models(registry, registry.labels()), serve_settings({"port": 0}))
    thread = threading.Thread(target=service.run)
    thread.start()
    yield service.address
    service.stop()
    thread.join(WAIT_S)


def test_files_and_requests_of_any_size_get_equal_scores(adapter: Path, address: str, tmp_path: Path) -> None:
    source, out = tmp_path / "texts.jsonl", tmp_path / "scored.jsonl"
    write_rows(source, ["text"], [{"text": text} for text in TEXTS])
    score(AdapterScorer.open(adapter), source, out)
    in_file = [row.cells for row in read_rows(out)]

    def ask(texts: list[str]) -> list[dict[str, object]]:
        answer = httpx.post(f"{address}/v1/score", json={"texts": texts}, timeout=WAIT_S)
        return list(answer.json()["results"])

    for size in (1, 7, 63):
        pieces = [TEXTS[start : start + size] for start in range(0, len(TEXTS), size)]
        with ThreadPoolExecutor(8) as pool:
            served = [one for piece in pool.map(ask, pieces) for one in piece]
        assert len(served) == len(in_file) == len(TEXTS)
        for one, row in zip(served, in_file, strict=True):
            assert one["label"] == row["label"]
            assert one["score"] == pytest.approx(row["score"], abs=SCORE_TOLERANCE)
            assert isinstance(one["probabilities"], dict)
            for name, value in one["probabilities"].items():
                assert value == pytest.approx(row[f"probability {name}"], abs=1e-6)
