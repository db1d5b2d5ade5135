"""scikit-learn's own checks where they apply to text, and the rest named with its reason."""

from __future__ import annotations

import json
import pickle  # noqa: TID251 - scikit-learn's users pickle fitted estimators
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags
from sklearn.utils.estimator_checks import check_estimator

from darse.estimators import SentimentClassifier, SentimentRegressor
from tests.labelled import labelled_rows

_NUMBERS = "fits or predicts a table of numbers; these estimators take one text per sample and refuse it"
_MESSAGE = "expects the message about a bad table of numbers; a table is refused before its values are looked at"
EXPECTED = {
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
            "check_classifier_data_not_an_array",
            "check_regressor_data_not_an_array",
            "check_classifiers_one_label",
            "check_classifiers_classes",
            "check_classifiers_train",
            "check_regressors_train",
            "check_regressors_no_decision_function",
            "check_regressors_int",
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
            "check_complex_data",
            "check_estimators_empty_data_messages",
            "check_estimators_nan_inf",
            "check_estimator_sparse_array",
            "check_estimator_sparse_matrix",
        ),
        _MESSAGE,
    ),
}
_OPTIONS = {"max_rank": 2, "learning_rates": (3e-3,), "batch_size": 8}
ROWS = labelled_rows(90, seed=3)
TEXTS = [str(row["text"]) for row in ROWS]


def _classifier(model: Path) -> SentimentClassifier:
    return SentimentClassifier(str(model), epochs=1, max_trials=4, options=_OPTIONS, random_state=0)


def _regressor(model: Path) -> SentimentRegressor:
    return SentimentRegressor(str(model), epochs=1, max_trials=4, options=_OPTIONS, random_state=0)


@pytest.mark.parametrize("kind", [SentimentClassifier, SentimentRegressor])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks_pass_or_fail_for_a_named_reason(
    kind: type[SentimentClassifier | SentimentRegressor], tiny_bert: Path
) -> None:
    class Asked(kind):  # type: ignore[misc, valid-type]  # scikit-learn asks nothing of an estimator without tables
        def __sklearn_tags__(self) -> Tags:
            tags = super().__sklearn_tags__()
            tags.input_tags.two_d_array = True
            return tags

    estimator = Asked(str(tiny_bert), epochs=1, max_trials=4, options=_OPTIONS, random_state=0)
    results = check_estimator(estimator, expected_failed_checks=EXPECTED, on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert not failed
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    assert len(passed) >= 16, passed


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
