"""scikit-learn's own checks where they apply to text, and the rest named with its reason."""

from __future__ import annotations

import json
import pickle  # noqa: TID251 - scikit-learn's users pickle fitted estimators
import shutil
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags
from sklearn.utils.estimator_checks import check_estimator

from darse.estimators import SentimentClassifier, SentimentRegressor
from tests.labelled import labelled_rows

_NUMBERS = "fits or predicts a table of numbers; these estimators take one text per sample and refuse it"
_MESSAGE = "expects the message about a bad table of numbers; a table is refused before its values are looked at"
_EXPECTED = {
    **dict.fromkeys(
        (
            "check_fit_score_takes_y",
            "check_estimators_overwrite_params",
            "check_dont_overwrite_parameters",
            "check_estimators_fit_returns_self",
            "check_readonly_memmap_input",
            "check_n_features_in_after_fitting",
            "check_positive_only_tag_during_fit",
            "check_estimators_dtypes",
            "check_dtype_object",
            "check_pipeline_consistency",
            "check_estimator_sparse_tag",
            "check_estimators_pickle",
            "check_f_contiguous_array_estimator",
            "check_supervised_y_2d",
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
            "check_fit2d_1sample",
            "check_fit2d_1feature",
            "check_dict_unchanged",
            "check_fit_idempotent",
            "check_fit_check_is_fitted",
            "check_n_features_in",
            "check_fit2d_predict1d",
        ),
        _NUMBERS,
    ),
    **dict.fromkeys(
        (
            "check_estimators_empty_data_messages",
            "check_estimators_nan_inf",
            "check_estimator_sparse_array",
            "check_estimator_sparse_matrix",
        ),
        _MESSAGE,
    ),
}
EXPECTED: dict[type[SentimentClassifier | SentimentRegressor], dict[str, str]] = {
    SentimentClassifier: _EXPECTED
    | dict.fromkeys(
        (
            "check_classifier_data_not_an_array",
            "check_classifiers_one_label",
            "check_classifiers_classes",
            "check_classifiers_train",
        ),
        _NUMBERS,
    ),
    SentimentRegressor: _EXPECTED
    | dict.fromkeys(
        (
            "check_regressor_data_not_an_array",
            "check_regressors_train",
            "check_regressors_no_decision_function",
            "check_regressors_int",
        ),
        _NUMBERS,
    )
    | {"check_complex_data": _MESSAGE},
}
_OPTIONS = {"max_rank": 2, "learning_rates": (3e-3,), "batch_size": 8}
ROWS = labelled_rows(90, seed=3)
TEXTS = [str(row["text"]) for row in ROWS]


def _classifier(model: Path) -> SentimentClassifier:
    return SentimentClassifier(str(model), epochs=1, max_trials=4, options=_OPTIONS, random_state=0)


def _regressor(model: Path) -> SentimentRegressor:
    return SentimentRegressor(str(model), epochs=1, max_trials=4, options=_OPTIONS, random_state=0)


@pytest.mark.parametrize("kind", EXPECTED)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_exactly_the_named_ones_of_scikit_learns_own_checks_fail(
    kind: type[SentimentClassifier | SentimentRegressor], tiny_bert: Path
) -> None:
    class Asked(kind):  # type: ignore[misc, valid-type]  # scikit-learn asks nothing of an estimator without tables
        def __sklearn_tags__(self) -> Tags:
            tags = super().__sklearn_tags__()
            tags.input_tags.two_d_array = True
            return tags

    estimator = Asked(str(tiny_bert), epochs=1, max_trials=4, options=_OPTIONS, random_state=0)
    results = check_estimator(estimator, expected_failed_checks=EXPECTED[kind], on_fail=None, on_skip=None)
    by_status: dict[str, set[str]] = {"passed": set(), "xfail": set(), "failed": set(), "skipped": set()}
    for result in results:
        by_status[result["status"]].add(result["check_name"])
    assert by_status["failed"] == set(), [one["exception"] for one in results if one["status"] == "failed"]
    assert by_status["xfail"] == set(EXPECTED[kind]), "an expected failure passes: take its name out of the list"
    assert by_status["skipped"] <= {"check_array_api_input"}
    assert len(by_status["passed"]) >= 16, by_status["passed"]


@dataclass(frozen=True)
class FittedTwice:
    """An estimator that was fitted twice with the same texts, as scikit-learn's checks do with tables."""

    estimator: SentimentClassifier | SentimentRegressor
    parameters: dict[str, object]
    given: tuple[NDArray[np.object_], NDArray[np.generic]]
    kept: tuple[NDArray[np.object_], NDArray[np.generic]]
    first: NDArray[np.generic]

    @property
    def texts(self) -> NDArray[np.object_]:
        return self.kept[0]


@pytest.fixture(scope="module", params=["label", "score"])
def fitted_twice(request: pytest.FixtureRequest, tiny_bert: Path) -> FittedTwice:
    estimator = (_classifier if request.param == "label" else _regressor)(tiny_bert)
    estimator.max_trials = 1
    texts = np.array([row["text"] for row in ROWS[:50]], dtype=object)
    answers = np.array([row[request.param] for row in ROWS[:50]])
    parameters, kept = deepcopy(estimator.get_params()), (texts.copy(), answers.copy())
    texts.flags.writeable = answers.flags.writeable = False
    assert estimator.fit(texts, answers) is estimator
    first = estimator.predict(texts)
    estimator.fit(texts, answers)
    return FittedTwice(estimator, parameters, (texts, answers), kept, first)


def test_fitting_again_gives_the_same_predictions(fitted_twice: FittedTwice) -> None:
    np.testing.assert_array_equal(fitted_twice.estimator.predict(fitted_twice.texts), fitted_twice.first)


def test_fitting_overwrites_no_parameter(fitted_twice: FittedTwice) -> None:
    assert fitted_twice.estimator.get_params() == fitted_twice.parameters
    public = {name for name in vars(fitted_twice.estimator) if not name.startswith("_")}
    assert {name for name in public - set(fitted_twice.parameters) if not name.endswith("_")} == set()


def test_fitting_and_predicting_leave_their_inputs_as_they_were(fitted_twice: FittedTwice) -> None:
    for given, kept in zip(fitted_twice.given, fitted_twice.kept, strict=True):
        np.testing.assert_array_equal(given, kept)


def test_predicting_changes_no_attribute(fitted_twice: FittedTwice) -> None:
    estimator = pickle.loads(pickle.dumps(fitted_twice.estimator))  # noqa: S301 - made in this line
    before = dict(vars(estimator))
    np.testing.assert_array_equal(estimator.predict(fitted_twice.texts), fitted_twice.first)
    assert vars(estimator) == before


def test_a_prediction_does_not_depend_on_the_texts_beside_it_or_their_order(fitted_twice: FittedTwice) -> None:
    estimator, texts = fitted_twice.estimator, fitted_twice.texts[:6]
    method = getattr(estimator, "predict_proba", estimator.predict)

    together = method(list(texts)).tolist()
    alone = [method([text]).tolist()[0] for text in texts]
    backwards = method(list(texts[::-1])).tolist()[::-1]
    assert np.abs(np.array(alone) - np.array(together)).max() < 1e-6
    assert np.abs(np.array(backwards) - np.array(together)).max() < 1e-6


def test_classifier_predicts_its_own_classes_with_probabilities(tiny_bert: Path) -> None:
    labels = np.array([row["label"] for row in ROWS])
    fitted = _classifier(tiny_bert).fit(TEXTS, labels)
    probabilities = fitted.predict_proba(TEXTS[:7])
    assert list(fitted.classes_) == ["negative", "neutral", "positive"]
    assert probabilities.shape == (7, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    assert (fitted.predict(TEXTS[:7]) == fitted.classes_[probabilities.argmax(axis=1)]).all()
    assert fitted.score(TEXTS, labels) > 0.4


def test_regressor_predicts_in_the_units_of_its_answers(tiny_bert: Path) -> None:
    scores = np.array([float(row["score"]) for row in ROWS]) * 50 + 1000
    fitted = _regressor(tiny_bert).fit(TEXTS, scores)
    predicted = fitted.predict(TEXTS)
    assert predicted.shape == (90,)
    assert 950 < predicted.mean() < 1050
    assert fitted.score(TEXTS, scores) > 0


def test_fitted_estimator_survives_pickling(tiny_bert: Path) -> None:
    fitted = _regressor(tiny_bert).fit(TEXTS, [float(row["score"]) for row in ROWS])
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - made one line above
    np.testing.assert_array_equal(again.predict(TEXTS[:5]), fitted.predict(TEXTS[:5]))


def test_estimator_works_in_a_pipeline_and_can_be_cloned(tiny_bert: Path) -> None:
    pipeline = Pipeline([("sentiment", clone(_classifier(tiny_bert)))])
    pipeline.fit(TEXTS, [row["label"] for row in ROWS])
    assert len(pipeline.predict(TEXTS[:3])) == 3


@pytest.mark.parametrize("texts", [np.zeros((5, 2)), np.zeros(5), [["a", "b"]] * 5, [], ["", "b"]])
def test_anything_but_texts_is_refused(texts: ArrayLike, tiny_bert: Path) -> None:
    with pytest.raises(ValueError, match=r"X"):
        _classifier(tiny_bert).fit(texts, [0, 1, 0, 1, 0])


def test_permission_to_run_code_holds_for_predictions_too(tiny_bert: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "own.Model"}}))
    estimator = _regressor(folder)
    estimator.options = {**_OPTIONS, "trust_remote_code": True}
    fitted = estimator.fit(TEXTS, [float(row["score"]) for row in ROWS])
    assert fitted.predict(TEXTS[:2]).shape == (2,)


def test_unfitted_estimator_says_so(tiny_bert: Path) -> None:
    with pytest.raises(NotFittedError):
        _classifier(tiny_bert).predict(["good"])
