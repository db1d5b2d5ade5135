"""Training rows to the reference points that need no language model: majority or mean, lexicon, TF-IDF + linear."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from darse.data.classes import order_classes
from darse.data.example import Example, Task
from darse.data.labelled import text_key
from darse.errors import InputError
from darse.evaluate.losses import Floats
from darse.files import sha256_of_json
from darse.names import printable
from darse.packages import shaping_versions
from darse.testing.dataset import Dataset, dataset_of_texts
from darse.testing.entry import Answer, Check, Entry, Facts

CONSTANT, LEXICON, LINEAR = "majority or mean", "lexicon (VADER)", "TF-IDF + linear"
_LEXICON_PACKAGE = "vaderSentiment"
_MOST_LEXICON_ROWS = 5000
"""Training rows that the lexicon's thresholds are fitted on; more would not move them."""
_FEWEST_IN_LEAF = 5
_REGULARISATION = 10.0
"""C of the logistic regression: TF-IDF rows have length 1, and the usual 1 shrinks their weights too far."""

Features = NDArray[np.float64] | list[str]
"""What a reference point reads of each row: a number, or the text."""
_Says = Callable[[Features], Floats]
_Fit = Callable[[Features, Dataset, Task], _Says]


@dataclass(frozen=True, slots=True)
class Missing:
    """A row that a table should have and has not.

    Attributes:
        name: Of the row.
        reason: Why it is not there, and what to do.
    """

    name: str
    reason: str


def training_rows(examples: Sequence[Example], task: Task, source: str) -> Dataset:
    """The training rows of a study as a data set.

    Args:
        examples: The rows, their classes by place.
        task: Names the classes.
        source: Where they are from.
    """
    plain = dataset_of_texts("training rows", [one.text for one in examples], [one.target for one in examples])
    rows = tuple(
        replace(row, label=None if one.label is None else task.classes[one.label], score=one.score)
        for row, one in zip(plain.rows, examples, strict=True)
    )
    digest = sha256_of_json({"texts": plain.digest, "truth": [[row.label, row.score] for row in rows]})
    return replace(plain, source=source, rows=rows, digest=digest)


def reference_entries(train: Dataset) -> tuple[list[Entry], list[Missing]]:
    """The reference points that training rows give, and those that they do not.

    Args:
        train: The training rows.
    """
    try:
        task = _task_of(train)
    except InputError as error:
        return [], [Missing(name, str(error)) for name in (CONSTANT, LEXICON, LINEAR)]
    entries = [
        _entry(CONSTANT, train, task, _constant, "the training rows' class frequencies or mean score, for every text"),
        _entry(
            LINEAR, train, task, _linear, "words and word pairs by TF-IDF, a linear model on them (scikit-learn), "
            f"fitted on {len(train):,} training rows",
        ),
    ]  # fmt: skip
    if find_spec(_LEXICON_PACKAGE) is None:
        remedy = f"run: pip install {_LEXICON_PACKAGE} (in the repository: pip install '.[testing]')"
        return entries, [Missing(LEXICON, f"{_LEXICON_PACKAGE} is not installed; {remedy}")]
    return [entries[0], _lexicon_entry(train, task), entries[1]], []


def text_keys(data: Dataset) -> frozenset[bytes]:
    """Digests of the texts, without differences in case, width and white space."""
    return frozenset(text_key(row.text, None) for row in data.rows)


def _task_of(train: Dataset) -> Task:
    labels = {row.label for row in train.rows if row.label is not None}
    has_score = all(row.score is not None for row in train.rows)
    return Task(classes=order_classes(labels) if labels else (), has_score=has_score)


def _entry(name: str, train: Dataset, task: Task, fit: _Fit, rule: str) -> Entry:
    facts = Facts(name=name, kind="reference", digest=_digest(name, train), task=task, rule=rule)

    @cache
    def fitted() -> _Says:
        return fit(_whole(train.texts, train.targets), train, task)

    def load() -> Answer:
        answer = fitted()
        has_targets = train.targets is not None
        return lambda texts, targets, check: answer(_whole(texts, targets if has_targets else None))

    return Entry(facts, load)


def _digest(name: str, train: Dataset, more: str = "") -> str:
    return sha256_of_json({"reference": name, "train": train.digest, "versions": shaping_versions() + more})


def _whole(texts: Sequence[str], targets: Sequence[str] | None) -> list[str]:
    """One text a row: the target, if there is one, before the text."""
    if targets is None:
        return list(texts)
    return [f"{target} {text}" for target, text in zip(targets, texts, strict=True)]


def _places(train: Dataset, task: Task) -> NDArray[np.int64]:
    places = {name: place for place, name in enumerate(task.classes)}
    return np.array([places[row.label or ""] for row in train.rows], dtype=np.int64)


def _scores(train: Dataset) -> Floats:
    return np.array([row.score for row in train.rows], dtype=np.float64)


def _joined(parts: Sequence[Floats]) -> Floats:
    found: Floats = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    return found


def _constant(given: Features, train: Dataset, task: Task) -> _Says:
    return _model_pair(given, train, task, DummyClassifier(strategy="prior"), DummyRegressor(strategy="mean"))


def _linear(given: Features, train: Dataset, task: Task) -> _Says:
    def words() -> TfidfVectorizer:
        # every mark that is no space is part of a word, so that no language is left without words
        return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")

    return _model_pair(
        given,
        train,
        task,
        make_pipeline(words(), LogisticRegression(C=_REGULARISATION, max_iter=2000)),
        make_pipeline(words(), Ridge(alpha=1.0)),
    )


def _model_pair(given: Features, train: Dataset, task: Task, classifier: object, regressor: object) -> _Says:
    """Fit a classifier on the labels and a regressor on the scores, as far as there are any."""
    if task.classes:
        classifier.fit(given, _places(train, task))  # type: ignore[attr-defined]  # scikit-learn has no types
    if task.has_score:
        regressor.fit(given, _scores(train))  # type: ignore[attr-defined]  # the same

    def answer(asked: Features) -> Floats:
        parts: list[Floats] = []
        if task.classes:
            chances = np.zeros((len(asked), len(task.classes)))
            # rows may lack a class
            chances[:, classifier.classes_] = classifier.predict_proba(asked)  # type: ignore[attr-defined]  # the same
            parts.append(chances)
        if task.has_score:
            parts.append(regressor.predict(asked))  # type: ignore[attr-defined]  # the same
        return _joined(parts)

    return answer


def _lexicon_entry(train: Dataset, task: Task) -> Entry:
    """VADER's compound score, cut into classes by a tree with a leaf for each, and mapped to scores by a line.

    Source: Hutto and Gilbert 2014, VADER, ICWSM.
    """
    few = replace(train, rows=train.rows[:_MOST_LEXICON_ROWS])
    compound = _compound(few.texts)[:, None]
    tree = DecisionTreeClassifier(
        max_leaf_nodes=max(2, len(task.classes)), min_samples_leaf=_FEWEST_IN_LEAF, random_state=0
    )
    line = LinearRegression()
    answer = _model_pair(compound, few, task, tree, line)
    version = f", {_LEXICON_PACKAGE} {importlib.metadata.version(_LEXICON_PACKAGE)}"
    rule = f"VADER's compound score (English words), {_rule(task, tree, line)}; fitted on {len(few):,} training rows"
    facts = Facts(name=LEXICON, kind="reference", digest=_digest(LEXICON, train, version), task=task, rule=rule)

    def load() -> Answer:
        def say(texts: Sequence[str], targets: Sequence[str] | None, check: Check) -> Floats:
            check()
            return answer(_compound(texts)[:, None])

        return say

    return Entry(facts, load)


def _compound(texts: Sequence[str]) -> Floats:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return np.array([analyzer.polarity_scores(text)["compound"] for text in texts], dtype=np.float64)


def _rule(task: Task, tree: DecisionTreeClassifier, line: LinearRegression) -> str:
    """The fitted rule in words."""
    parts = []
    if task.classes:
        inner = tree.tree_
        cuts = sorted(float(cut) for cut, left in zip(inner.threshold, inner.children_left, strict=True) if left >= 0)
        middles = [-2.0, *cuts, 2.0]
        asked = np.array([[(low + high) / 2] for low, high in pairwise(middles)])
        names = [printable(task.classes[int(place)]) for place in tree.predict(asked)]
        steps = "".join(f", up to {cut:.2f} {name}" for cut, name in zip(cuts, names, strict=False))
        parts.append(f"cut into classes{steps}, above {names[-1]}" if cuts else f"always {names[0]}")
    if task.has_score:
        parts.append(f"score = {float(line.intercept_):.3g} {float(line.coef_[0]):+.3g} x compound")
    return "; ".join(parts)
