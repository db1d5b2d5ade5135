"""scikit-learn estimators on texts: fit explores rank plans, predict uses the adapter that was found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, assert_all_finite, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from darse.publish import publish
from darse.score.scorer import AdapterScorer, Score, Scorer
from darse.settings import settings_from_options
from darse.study.logged import logged
from darse.study.request import Request
from darse.study.run import run_study

_SEED_LIMIT = 2**31


class _TextEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """What classifier and regressor share.

    Args:
        model: Base model: `minilm`, a folder, or a hub name.
        budget: `500k`, `1%`, `uniform:8`, or None.
        objective: `smallest` or `best`.
        seeds: Runs per finalist and control.
        epochs: Epochs of a run at the most.
        max_trials: Training runs at the most.
        max_minutes: Minutes at the most.
        options: Any other setting of `darse.explore`, by name.
        random_state: Seed of the study.
    """

    def __init__(
        self,
        model: str = "minilm",
        *,
        budget: str | None = None,
        objective: str = "smallest",
        seeds: int = 2,
        epochs: int = 3,
        max_trials: int | None = None,
        max_minutes: float | None = None,
        options: Mapping[str, object] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.model = model
        self.budget = budget
        self.objective = objective
        self.seeds = seeds
        self.epochs = epochs
        self.max_trials = max_trials
        self.max_minutes = max_minutes
        self.options = options
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Input is one text per sample, not a table of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    def __getstate__(self) -> dict[str, object]:
        """Everything but the loaded model, which is made again from the adapter's files."""
        state = dict(super().__getstate__())
        return state | {"_loaded": []} if "_loaded" in state else state

    def _explore(self, texts: Sequence[str], part: str, answers: Iterable[object]) -> None:
        rows = [{"text": text, part: answer} for text, answer in zip(texts, answers, strict=True)]
        seed = self.random_state
        if not isinstance(seed, int):
            seed = int(check_random_state(seed).randint(_SEED_LIMIT - 1))
        options: dict[str, object] = {
            "model": self.model,
            "budget": self.budget,
            "objective": self.objective,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "max_trials": self.max_trials,
            "max_minutes": self.max_minutes,
            "seed": seed,
            "text": "text",
            part: part,
            **(self.options or {}),
        }
        with tempfile.TemporaryDirectory(prefix="darse-") as folder:
            request = Request(rows, settings_from_options(options), Path(folder), command="fit")
            finished = run_study(request, logged())
            publish(finished, Path(folder))
            self.result_ = finished.result
            self.adapter_ = {path.name: path.read_bytes() for path in sorted((Path(folder) / "adapter").iterdir())}
        # a list of at most one, so that predicting changes no attribute
        self._loaded: list[Scorer] = []

    def _said(self, texts: ArrayLike) -> list[Score]:
        check_is_fitted(self, "adapter_")
        if not self._loaded:
            with tempfile.TemporaryDirectory(prefix="darse-") as folder:
                for name, content in self.adapter_.items():
                    (Path(folder) / name).write_bytes(content)
                named = {"model": self.model, "trust_remote_code": False, **(self.options or {})}
                scorer = AdapterScorer.open(
                    Path(folder), base=str(named["model"]), trust_remote_code=bool(named["trust_remote_code"])
                )
                self._loaded.append(scorer)
        return self._loaded[0].score(_as_texts(texts))


class SentimentClassifier(ClassifierMixin, _TextEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Classifies texts with the adapter that `darse.explore` finds.

    Attributes:
        classes_: The classes, sorted.
        result_: Everything the study found (`result_.verdict.sentence` says whether ranks mattered).
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 - scikit-learn's own names
        """Explore rank plans on texts of shape (samples,) and classes of shape (samples,).

        Raises:
            ValueError: X holds something else than texts, or y does not fit it.
        """
        _refuse_no_answers(y)
        assert_all_finite(np.asarray(y), input_name="y")
        check_classification_targets(y)
        texts = _as_texts(X)
        answers = _as_answers(y, texts)
        self.classes_, places = np.unique(answers, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has {len(self.classes_)} class; a classifier needs 2 or more")
        self._explore(texts, "label", [f"class {place}" for place in places])
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's own names
        """Probabilities, shape (samples, classes), columns in the order of `classes_`."""
        said = self._said(X)
        names = [f"class {place}" for place in range(len(self.classes_))]
        return np.array([[one.probabilities.get(name, 0.0) for name in names] for one in said])

    def predict(self, X: ArrayLike) -> NDArray[np.generic]:  # noqa: N803 - scikit-learn's own names
        """The most probable class of each text, shape (samples,)."""
        places = self.predict_proba(X).argmax(axis=1)
        found: NDArray[np.generic] = self.classes_[places]
        return found


class SentimentRegressor(RegressorMixin, _TextEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Scores texts with the adapter that `darse.explore` finds.

    Attributes:
        result_: Everything the study found.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 - scikit-learn's own names
        """Explore rank plans on texts of shape (samples,) and scores of shape (samples,).

        Raises:
            ValueError: X holds something else than texts, or y is no finite number for each.
        """
        _refuse_no_answers(y)
        texts = _as_texts(X)
        answers = np.asarray(_as_answers(y, texts), dtype=np.float64)
        if not np.isfinite(answers).all():
            raise ValueError("y contains NaN or infinity; give a finite score for each text")
        self._explore(texts, "score", answers.tolist())
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's own names
        """Scores in the units of y, shape (samples,)."""
        return np.array([one.score for one in self._said(X)], dtype=np.float64)


def _as_texts(given: ArrayLike) -> list[str]:
    values = np.asarray(given, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"X has shape {values.shape}; give one text per sample, shape (samples,)")
    if not len(values):
        raise ValueError("X has 0 samples; give at least one text")
    for place, value in enumerate(values):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"X[{place}] is {type(value).__name__} or empty, not a text")
    return [str(value) for value in values]


def _refuse_no_answers(given: ArrayLike | None) -> None:
    if given is None:
        raise ValueError("this estimator requires y to be passed, but the target y is None")


def _as_answers(given: ArrayLike, texts: Sequence[str]) -> NDArray[np.generic]:
    answers = np.asarray(given)
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    if answers.shape != (len(texts),):
        raise ValueError(f"y has shape {answers.shape}, X has {len(texts)} samples; give one answer per text")
    return answers
