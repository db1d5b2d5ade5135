"""Models and settings to a server that listens until it is told to stop."""

from __future__ import annotations

from darse.serve.app import make_app
from darse.serve.batcher import Batcher
from darse.serve.log import TrafficLog
from darse.serve.metrics import Metrics
from darse.serve.models import Models
from darse.serve.settings import ServeSettings
from darse.store.traffic import Traffic
from darse.web.listening import Listening

_LOG_WAIT_S = 5.0
"""For the last rows of the log, when the server ends."""


class Service:
    """A server on an address of its own; made, it listens, and `run` answers.

    Args:
        models: Which adapters answer.
        settings: Where to listen, and the limits.
        traffic: Where answers are kept; None keeps none.

    Raises:
        InputError: The address cannot be listened on.
    """

    def __init__(self, models: Models, settings: ServeSettings, traffic: Traffic | None = None) -> None:
        self._listening = Listening(settings)
        self.metrics = Metrics(lambda: self.batcher.waiting)
        self.batcher = Batcher(
            max_waiting=settings.max_waiting, batch_texts=settings.batch_texts, observe=self.metrics.observe_batch
        )
        self.log = None
        if traffic is not None:
            self.log = TrafficLog(
                traffic,
                keeps_texts=settings.keep_texts,
                keep_days=settings.keep_days,
                lost=self.metrics.unlogged.inc,
            )
        self._app = make_app(models, self.batcher, self.metrics, settings, self.log)

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._listening.address

    def run(self) -> None:
        """Answer until `stop` or a signal, which is raised again once requests under way are answered."""
        try:
            self._listening.run(self._app)
        finally:
            self.batcher.close(wait_s=1.0)
            if self.log is not None:
                self.log.close(wait_s=_LOG_WAIT_S)

    def stop(self) -> None:
        """Let `run` end; for another thread."""
        self._listening.stop()
