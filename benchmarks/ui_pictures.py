"""The pictures of the pages in docs/, taken in Chromium from the packaged demo set.

python -m benchmarks.ui_pictures --work FOLDER --out docs

A study of the demo set is run into FOLDER, and seen while it runs; then its adapter scores the texts of the set, which
are put into a log as if a server had answered them over two days, those of the last hours all of one class.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from darse.data.load import load_labelled
from darse.data.source import DEMO
from darse.errors import DarseError
from darse.monitor.reference import reference_of
from darse.score.scorer import AdapterScorer
from darse.settings import DataSettings
from darse.store.open import open_store, read_store
from darse.store.protocol import StudyRecord
from darse.store.traffic import MinuteCount, Served
from darse.ui.run import Ui
from darse.ui.settings import ui_settings
from darse.ui.shelf import Shelf

HOURS = 48
_TEXTS = 60
"""In an hour of the log."""
_SHIFTED_HOURS = 6
_SEARCH = ("--seeds", "2", "--epochs", "3", "--learning-rate", "4e-3", "--max-rank", "8", "--max-minutes", "4.7")
_SEEN_TRIALS = 12
"""Finished ones in the picture of a running study."""
_WAIT_S = 1800.0


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    study, log = options.work / "demo-study", options.work / "darse-traffic.db"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        if not (study / "verdict.json").exists():
            with _pages(options.work) as ui, _searching(study) as search:
                record = _seen(study)
                _take(browser, ui, f"{_path(ui, study, record)}", options.out / "ui-live.png", height=900)
                search.wait(_WAIT_S)
        if not log.exists():
            _write_log(study, log)
        record = _seen(study)
        with _pages(options.work) as ui:
            path = _path(ui, study, record)
            served = f"/served/{next(one.key for one in ui.shelf.stores() if one.title == 'darse-traffic')}?windows=48"
            _take(browser, ui, path, options.out / "ui-study.png", height=1000)
            _take(browser, ui, served, options.out / "ui-served.png", height=1500)
            _take(browser, ui, f"{path}/size", options.out / "ui-phone.png", width=390, height=900, scheme="dark")
        browser.close()


class _Shown:
    """Pages, and the shelf that they are about."""

    def __init__(self, work: Path) -> None:
        self.shelf = Shelf([str(work)])
        self.ui = Ui(self.shelf, ui_settings({"port": 0}))


@contextmanager
def _pages(work: Path) -> Iterator[_Shown]:
    work.mkdir(parents=True, exist_ok=True)
    shown = _Shown(work)
    thread = threading.Thread(target=shown.ui.run)
    thread.start()
    try:
        yield shown
    finally:
        shown.ui.stop()
        thread.join()


@contextmanager
def _searching(study: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "darse", "explore", DEMO, "--out", str(study), *_SEARCH, "--quiet"]
    with subprocess.Popen(command) as search:
        try:
            yield search
        finally:
            search.terminate()


def _seen(study: Path) -> StudyRecord:
    """The study, once some of its trials are finished."""
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end:
        try:
            with read_store(study / "study.db") as store:
                for head in store.overview.heads(now=time.time()):
                    if head.record is not None and head.trials.get("finished", 0) >= _SEEN_TRIALS:
                        return head.record
        except DarseError:
            pass  # it is not there yet
        time.sleep(1.0)
    raise SystemExit(f"{study} has no finished trials")


def _path(shown: _Shown, study: Path, record: StudyRecord) -> str:
    key = next(one.key for one in shown.shelf.stores() if one.folder == study.resolve())
    return f"/studies/{key}/{record.id}"


def _take(
    browser: Browser, shown: _Shown, path: str, out: Path, *,
    height: int, width: int = 1180, scheme: Literal["light", "dark"] = "light",
) -> None:  # fmt: skip
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(f"{shown.ui.address}{path}")
    page.wait_for_selector("html[data-drawn]")
    page.screenshot(path=out)
    print(f"{out}: {out.stat().st_size >> 10} KiB")
    page.close()


def _write_log(study: Path, log: Path) -> None:
    """Score the texts of the demo set, and keep the answers as a server would have."""
    folder = study / "adapter"
    scorer, usual = AdapterScorer.open(folder), reference_of(folder)
    data = load_labelled(DEMO, DataSettings(), seed=0)
    texts = [one.text for one in (*data.valid, *data.test)]
    said, counts = scorer.score(texts), scorer.count_tokens(texts)
    first = scorer.task.classes[0]
    shifted = [place for place, one in enumerate(said) if one.label == first]
    start = time.time() // 3600 * 3600 - (HOURS - 1) * 3600
    rows = []
    for at in range(HOURS * _TEXTS):
        hour = at // _TEXTS
        place = shifted[at % len(shifted)] if hour >= HOURS - _SHIFTED_HOURS else at % len(texts)
        one, (tokens, unknown) = said[place], counts[place]
        rows.append(
            Served(
                time=start + at * 3600 / _TEXTS, key=f"demo-{at}", adapter=scorer.manifest.digest, name="adapter",
                served_as="prod", label=one.label, score=one.score,
                confidence=None if one.label is None else one.probabilities[one.label], characters=len(texts[place]),
                tokens=tokens, unknown=unknown, seconds=0.02 + 0.0002 * tokens, text_digest="0" * 64,
            )
        )  # fmt: skip
    with open_store(log) as store:
        past = [one for one in rows if one.time < time.time()]
        minutes = Counter(int(one.time // 60) for one in past)
        counts_by_minute = [MinuteCount(minute, "demo", "answered", amount) for minute, amount in minutes.items()]
        store.traffic.add(past, minutes=counts_by_minute)
        if usual is not None:
            store.traffic.keep_usual(scorer.manifest.digest, usual.as_json())


if __name__ == "__main__":
    main()
