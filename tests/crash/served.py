"""A server over an adapter that needs no model and a while for each text; run as a program, it prints its address."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable

from darse.cli.stop import stopping_cleanly
from darse.errors import Interrupted
from darse.score.scorer import Score
from darse.serve.models import Models
from darse.serve.run import Service
from darse.serve.settings import serve_settings
from tests.serve.serving import FakeRegistry, FakeScorer


class SlowScorer(FakeScorer):
    """Scores nothing until enough texts are there, then takes a while for each."""

    entered = 0

    def score(
        self, texts: Iterable[str], targets: Iterable[str] | None = None, *, check: Callable[[], None] = lambda: None
    ) -> list[Score]:
        given = list(texts)
        self.entered += len(given)
        scores = super().score(given, targets)
        time.sleep(0.02 * len(given))
        return scores


def main() -> int:
    """The exit code of the command line, were it this one."""
    scorer = SlowScorer()
    registry = FakeRegistry({"a": scorer})
    try:
        with stopping_cleanly():
            service = Service(Models(registry, registry.labels()), serve_settings({"port": 0}))
            print(service.address, flush=True)
            threading.Thread(target=_open, args=(service, scorer, int(sys.argv[1])), daemon=True).start()
            service.run()
    except Interrupted as error:
        return error.exit_code
    return 0


def _open(service: Service, scorer: SlowScorer, texts: int) -> None:
    """Let scoring begin, and say so, as soon as so many texts are there."""
    scorer.gate.clear()
    while scorer.entered + service.batcher.waiting < texts:
        time.sleep(0.001)
    print("busy", flush=True)
    scorer.gate.set()


if __name__ == "__main__":
    sys.exit(main())
