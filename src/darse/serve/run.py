"""Models and settings to a server that listens until it is told to stop."""

from __future__ import annotations

import logging
import resource
import socket
from contextlib import suppress

import uvicorn

from darse.errors import InputError
from darse.serve.app import make_app
from darse.serve.batcher import Batcher
from darse.serve.connections import punctual_protocol
from darse.serve.log import TrafficLog
from darse.serve.metrics import Metrics
from darse.serve.models import Models
from darse.serve.settings import ServeSettings
from darse.store.traffic import Traffic

_BACKLOG = 2048
_KEEP_ALIVE_S = 5
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
        self._listener = _listen(settings)
        _allow_descriptors()
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
        config = uvicorn.Config(
            make_app(models, self.batcher, self.metrics, settings, self.log),
            http=punctual_protocol(settings.receive_s),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.shutdown_s,
        )
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # strangers' bytes are no news
        self._server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Answer until `stop` or a signal, which is raised again once requests under way are answered."""
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self.batcher.close(wait_s=1.0)
            if self.log is not None:
                self.log.close(wait_s=_LOG_WAIT_S)
            self._listener.close()

    def stop(self) -> None:
        """Let `run` end; for another thread."""
        self._server.should_exit = True


def _listen(settings: ServeSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "it is no name of a host"
        raise InputError(
            f"cannot listen on {settings.host}:{settings.port}: {reason}; choose another --port"
        ) from error
    return listener


def _allow_descriptors() -> None:
    """Let as many connections be open as the system allows: idle strangers must not use up what others need."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
