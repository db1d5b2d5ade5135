"""What every scorer promises: a score for each text, in order, the same in any company; bad texts refused."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest

from darse.api import open_study
from darse.errors import InputError, Interrupted
from darse.score.scorer import MAX_TEXT_CHARACTERS, AdapterScorer, Score, Scorer
from darse.settings import Profile
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows

TEXTS = [str(row["text"]) for row in labelled_rows(40, seed=8)] + ["a", "words " * 400]


def of_export(profile: Profile) -> Callable[[SmallStudy, Path], Scorer]:
    def make(small_study: SmallStudy, folder: Path) -> Scorer:
        exported = open_study(small_study.folder).export(folder / profile, profile)
        return AdapterScorer.open(exported)

    return make


def of_the_study(small_study: SmallStudy, folder: Path) -> Scorer:
    return AdapterScorer.open(small_study.folder / "adapter")


SCORERS: dict[str, Callable[[SmallStudy, Path], Scorer]] = {
    "adapter of a study": of_the_study,
    "native": of_export("native"),
    "padded": of_export("padded"),
    "merged": of_export("merged"),
    "onnx": of_export("onnx"),
}


@pytest.fixture(scope="module", params=list(SCORERS))
def scorer(request: pytest.FixtureRequest, small_study: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return SCORERS[request.param](small_study, tmp_path_factory.mktemp("scorer"))


def close(one: Score, other: Score) -> bool:
    values = [(one.score, other.score), *zip(one.probabilities.values(), other.probabilities.values(), strict=True)]
    return one.label == other.label and all(
        math.isclose(x, y, abs_tol=1e-5) for x, y in values if x is not None and y is not None
    )


def test_scores_come_in_the_order_of_the_texts_whatever_stands_beside_them(scorer: Scorer) -> None:
    together = scorer.score(TEXTS)
    assert len(together) == len(TEXTS)
    backwards = scorer.score(TEXTS[::-1])[::-1]
    alone = [scorer.score([text])[0] for text in TEXTS]
    for one, other, single in zip(together, backwards, alone, strict=True):
        assert close(one, other)
        assert close(one, single)


def test_a_score_has_what_the_task_has(scorer: Scorer) -> None:
    for said in scorer.score(TEXTS):
        assert (said.score is not None) == scorer.task.has_score
        assert tuple(said.probabilities) == scorer.task.classes
        assert said.label == max(said.probabilities, key=lambda name: said.probabilities[name])
        assert sum(said.probabilities.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", [tuple, iter, np.array, pd.Series])
def test_any_iterable_of_texts_is_taken(scorer: Scorer, kind: Callable[[list[str]], Iterable[str]]) -> None:
    for one, other in zip(scorer.score(kind(TEXTS[:3])), scorer.score(TEXTS[:3]), strict=True):
        assert close(one, other)


def test_no_texts_give_no_scores(scorer: Scorer) -> None:
    assert scorer.score([]) == []


@pytest.mark.parametrize("text", ["", "  ", "\n", "x" * (MAX_TEXT_CHARACTERS + 1)])
def test_empty_and_endless_texts_are_refused_with_their_place(scorer: Scorer, text: str) -> None:
    with pytest.raises(InputError, match=r"text 2 has \d+ characters; 1 to 100000 can be scored"):
        scorer.score(["good", text])


NO_TEXTS: list[object] = [
    *("good", b"good", None, 7, {"text": "good"}, np.array("good"), pd.DataFrame({"text": ["good"]})),
    *([None], [float("nan")], [3], [b"x"], ["\ud800"], ["a\0"]),
]


@pytest.mark.parametrize("given", NO_TEXTS)
def test_what_is_no_sequence_of_texts_is_refused_in_one_line(scorer: Scorer, given: Iterable[str]) -> None:
    with pytest.raises(InputError) as caught:
        scorer.score(given)
    assert str(caught.value).isprintable()


def test_tokens_are_those_before_a_text_is_cut_and_strange_words_are_unknown(scorer: Scorer) -> None:
    counts = scorer.count_tokens(["good", "good service", "words " * 400, "\u5e02\u5834"])
    assert scorer.count_tokens([]) == []
    assert counts[0][0] < counts[1][0] < 64 < counts[2][0]
    assert [unknown > 0 for _, unknown in counts] == [False, False, False, True]
    assert scorer.count_tokens(["good"]) == counts[:1]


def test_targets_are_refused_where_none_were_learned(scorer: Scorer) -> None:
    with pytest.raises(InputError, match="trained without targets"):
        scorer.score(["good"], ["company"])


def test_a_stop_is_asked_for_before_the_first_batch(scorer: Scorer) -> None:
    def stop() -> None:
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        scorer.score(TEXTS, check=stop)


def test_a_target_changes_the_score_and_each_text_needs_one(small_study: SmallStudy) -> None:
    plain = AdapterScorer.open(small_study.folder / "adapter")
    manifest = replace(plain.manifest, task=replace(plain.task, has_target=True))
    aimed = AdapterScorer(manifest, plain.tokenizer, plain.computing)
    first, second = aimed.score(["good", "good"], ["Acme", "Birch and Sons"])
    assert not close(first, second)
    for targets in (None, ["Acme"], ["Acme", "Birch", "Cedar"]):
        with pytest.raises(InputError, match=r"needs a target for each text|2 texts but"):
            aimed.score(["good", "good"], targets)
