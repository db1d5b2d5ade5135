"""An application and settings to a server that listens until it is told to stop."""

from __future__ import annotations

import logging
import resource
import socket
from contextlib import suppress

import uvicorn

from darse.errors import InputError
from darse.web.connections import punctual_protocol
from darse.web.guard import App
from darse.web.settings import WebSettings

_BACKLOG = 2048
_KEEP_ALIVE_S = 5


class Listening:
    """A server on an address of its own; made, it listens, and `run` answers.

    Args:
        settings: Where to listen, and the limits.

    Raises:
        InputError: The address cannot be listened on.
    """

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._listener = _listen(settings)
        self._server: uvicorn.Server | None = None
        self._is_ending = False
        _allow_descriptors()

    @property
    def address(self) -> str:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def is_ending(self) -> bool:
        """Whether answers that never end have to."""
        return self._is_ending or (self._server is not None and self._server.should_exit)

    def run(self, app: App) -> None:
        """Answer until `stop` or a signal, which is raised again once requests under way are answered."""
        config = uvicorn.Config(
            app,
            http=punctual_protocol(self._settings.receive_s),
            loop="asyncio",  # not whichever happens to be installed
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=self._settings.shutdown_s,
        )
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # strangers' bytes are no news
        self._server = uvicorn.Server(config)
        self._server.should_exit = self._is_ending
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._listener.close()

    def stop(self) -> None:
        """Let `run` end; for another thread."""
        self._is_ending = True
        if self._server is not None:
            self._server.should_exit = True


def _listen(settings: WebSettings) -> socket.socket:
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
