r"""How often drift is claimed of unchanged traffic, and how often a planted shift is found, on real texts.

python -m benchmarks.monitor --data ../shared/data/financial_phrasebank/sentences_50agree.csv \
    --other ../shared/data/cr/cr.csv --work FOLDER

An adapter is trained on some rows of a set; the rows that it has never seen are its traffic. Windows are drawn from
them and compared with the sample that the adapter has. Shifts: texts of another domain, of other languages (the word
lists of Faker), and the same texts with another mix of true labels. All texts of such a window are of that kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from faker import Faker
from numpy.typing import NDArray

import darse
from darse.data.read import read_rows
from darse.data.reading import Reading
from darse.data.write import write_rows
from darse.evaluate.sample import Sample
from darse.monitor.drift import compare
from darse.monitor.reference import reference_of
from darse.score.scorer import AdapterScorer
from darse.settings import DataSettings

LOCALES = ("de_DE", "fr_FR", "ru_RU", "ja_JP")
"""Of the other languages."""
_ROWS = 1500
"""Of each kind of shifted texts."""


def main() -> None:
    """Print a line for each kind of traffic."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="with columns text and label")
    parser.add_argument("--other", type=Path, required=True, help="another domain, with a column text")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--train-rows", type=int, default=1000)
    parser.add_argument("--windows", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=(100, 250, 500))
    options = parser.parse_args()
    stream = np.random.default_rng(0)
    texts, labels = labelled(options.data)
    order = stream.permutation(len(texts))
    seen, unseen = order[: options.train_rows], order[options.train_rows :]
    adapter = _adapter(options.work, [(texts[at], labels[at]) for at in seen])
    scorer = AdapterScorer.open(adapter)
    usual = reference_of(adapter)
    assert usual is not None
    own = _scored(scorer, [texts[at] for at in unseen])
    true = np.array([labels[at] for at in unseen])
    print(f"adapter trained on {len(seen)} rows, usual: {len(usual)} held-out rows, traffic: {len(own)} unseen rows\n")
    kinds: dict[str, tuple[Sample, NDArray[np.float64] | None]] = {
        "unchanged": (own, None),
        "other domain": (_scored(scorer, labelled(options.other)[0][:_ROWS]), None),
        **{f"other language ({locale})": (_scored(scorer, _foreign(locale)), None) for locale in LOCALES},
        "another mix of labels": (own, _flipped(true)),
    }
    rows = []
    for kind, (sample, weights) in kinds.items():
        shown = [_share(usual, sample, size, weights, options.windows, stream) for size in options.sizes]
        rows.append([kind, *(f"{share:.1%}" for share in shown)])
    print(f"Part of {options.windows} windows in which drift is claimed, by the texts of a window:\n")
    for row in (["traffic", *map(str, options.sizes)], ["---"] * (len(options.sizes) + 1), *rows):
        print(f"| {' | '.join(row)} |")


def labelled(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a file with columns of these names."""
    rows = [row for row in read_rows(path, Reading.of(DataSettings()), whole=True) if row.problem is None]
    return [str(row.cells["text"]) for row in rows], [str(row.cells.get("label", "")) for row in rows]


def _adapter(work: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """The adapter of a short study of the rows; one that is there already is taken."""
    work.mkdir(parents=True, exist_ok=True)
    source = work / "seen.csv"
    write_rows(source, ["text", "label"], [{"text": text, "label": label} for text, label in rows])
    darse.explore(
        source, text="text", label="label", out=work / "study", seeds=2, epochs=3, learning_rates=(4e-3,), max_trials=1
    )
    return work / "study" / "adapter"


def _scored(scorer: AdapterScorer, texts: Sequence[str]) -> Sample:
    said = scorer.score(texts)
    counts = scorer.count_tokens(texts)
    return Sample.of(
        label=[one.label for one in said if one.label is not None],
        score=[one.score for one in said if one.score is not None],
        confidence=[one.probabilities[one.label] for one in said if one.label is not None],
        tokens=[tokens for tokens, _ in counts],
        unknown=[unknown / max(tokens, 1) for tokens, unknown in counts],
    )


def _foreign(locale: str) -> list[str]:
    fake = Faker(locale)
    fake.seed_instance(0)
    return [fake.sentence(nb_words=20) for _ in range(_ROWS)]


def _flipped(true: NDArray[np.str_]) -> NDArray[np.float64]:
    """Weights under which the rarest true label is as frequent as the most frequent one was, and so on."""
    names, counts = np.unique(true, return_counts=True)
    order = np.argsort(counts)
    wanted = dict(zip(names[order], counts[order[::-1]], strict=True))
    weights = np.array([wanted[label] / counts[names == label][0] for label in true])
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _share(
    usual: Sample,
    sample: Sample,
    size: int,
    weights: NDArray[np.float64] | None,
    windows: int,
    stream: np.random.Generator,
) -> float:
    """Part of the windows in which anything at all is shown."""
    shown = 0
    for _ in range(windows):
        places = stream.choice(len(sample), size, replace=False, p=weights)
        shown += any(one.is_shown for one in compare(usual, _at(sample, places)))
    return shown / windows


def _at(sample: Sample, places: NDArray[np.intp]) -> Sample:
    columns = {name: getattr(sample, name) for name in ("label", "score", "confidence", "tokens", "unknown")}
    return Sample.of(**{name: column[places] if len(column) else column for name, column in columns.items()})


if __name__ == "__main__":
    main()
