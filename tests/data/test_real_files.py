"""Real labelled files, as they are: counts stated beside them are found, and every row is accounted for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from darse.data.load import load_labelled
from darse.settings import DataSettings

FOLDER = Path(os.environ.get("DARSE_DATA") or Path(__file__).parents[3] / "shared" / "data")
SETS = {
    "cr/cr.csv": (3771, ("negative", "positive"), False, "made"),
    "financial_phrasebank/sentences_50agree.csv": (4846, ("negative", "neutral", "positive"), False, "made"),
    "financial_phrasebank/sentences_allagree.csv": (2264, ("negative", "neutral", "positive"), False, "made"),
    "fiqa_headlines/fiqa_headlines.csv": (498, (), True, "official"),
    "sst2/sst2.csv": (9613, ("negative", "positive"), False, "official"),
    "sst_score/sst_score.csv": (11855, (), True, "official"),
    "uci_sentences/uci_sentences.csv": (3000, ("negative", "positive"), False, "made"),
}


@pytest.mark.parametrize("name", SETS)
def test_a_real_file_is_loaded_as_it_is(name: str) -> None:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{path} is not here; set DARSE_DATA to the folder of the data sets")
    rows, classes, has_score, origin = SETS[name]
    data = load_labelled(path, DataSettings(), seed=0)
    check = data.check
    assert (check.rows, data.task.classes, data.task.has_score) == (rows, classes, has_score)
    assert check.split_origin == origin
    assert check.rejected == {}
    assert check.kept + check.duplicates + check.conflicts == rows
    assert check.kept > 0.99 * rows
    assert data.task.has_target == name.startswith("fiqa")
