"""Labelled rows that a tiny model can learn: words that say how the text is meant."""

from __future__ import annotations

from darse.seeds import numpy_stream

_GOOD = ("good", "great", "excellent", "rises", "up", "gains")
_BAD = ("bad", "poor", "terrible", "awful", "falls", "broken")
_PLAIN = ("the company", "delivery", "service", "quarter report", "update", "shares", "a profit of", "margin")


def labelled_rows(count: int, seed: int = 0) -> list[dict[str, str | float]]:
    """Rows with `text`, `score` in [-1, 1] and `label`; all texts differ."""
    stream = numpy_stream(seed, "rows")
    rows: list[dict[str, str | float]] = []
    for place in range(count):
        goods, bads = int(stream.integers(0, 4)), int(stream.integers(0, 4))
        words = [*stream.choice(_GOOD, goods), *stream.choice(_BAD, bads), *stream.choice(_PLAIN, 2), f"no {place}"]
        text = " ".join(str(word) for word in stream.permutation(words))
        score = (goods - bads) / 3
        label = "positive" if score > 0 else "negative" if score < 0 else "neutral"
        rows.append({"text": text, "score": round(score, 3), "label": label})
    return rows
