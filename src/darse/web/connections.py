"""Bytes of a connection to requests, with a deadline: uvicorn's own protocol waits for ever for a slow one.

Its only timeout is the pause between two requests, and a byte now and then keeps that from ending.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def punctual_protocol(receive_s: float) -> type[H11Protocol]:
    """The HTTP protocol of uvicorn, closing a connection whose request is not there in time.

    Args:
        receive_s: Seconds from the first byte of a request (or from the connection's beginning) to its last.
    """

    class PunctualProtocol(H11Protocol):
        """Closes connections that are too slow."""

        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            """Expect a request."""
            super().connection_made(transport)
            self._expect()

        def data_received(self, data: bytes) -> None:
            """Expect the rest of a request, if there is one."""
            super().data_received(data)
            if self.conn.their_state in {h11.IDLE, h11.SEND_BODY}:
                self._expect()
            else:
                self._relax()

        def connection_lost(self, exc: Exception | None) -> None:
            """Expect nothing."""
            self._relax()
            super().connection_lost(exc)

        def _expect(self) -> None:
            if self._deadline is None:
                self._deadline = self.loop.call_later(receive_s, self._give_up)

        def _relax(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            self.transport.abort()

    return PunctualProtocol
