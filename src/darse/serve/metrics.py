"""What happens in a server to figures that Prometheus collects."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from darse.web.guard import App, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)
OTHER = "other"
"""The route of a path that is none of ours: a stranger's paths must not become figures without end."""


class Metrics:
    """The figures of one server.

    Args:
        waiting: How many texts wait, now.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "darse_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "darse_request_seconds", "From a request's head to the end of its answer.", ("route",),
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.texts = Counter("darse_texts", "Texts answered.", ("label", "adapter"), registry=self.registry)
        self.refused = Counter("darse_refused_texts", "Texts told to come back.", ("reason",), registry=self.registry)
        self.shadows = Counter(
            "darse_shadow_texts", "Texts that a canary scored in the shadow, against prod.", ("outcome",),
            registry=self.registry,
        )  # fmt: skip
        self.unlogged = Counter("darse_unlogged_texts", "Texts that the log could not take.", registry=self.registry)
        self.batches = Histogram(
            "darse_batch_texts", "Texts that went through a model together.", buckets=_TEXTS, registry=self.registry
        )
        self.batch_seconds = Histogram(
            "darse_batch_seconds", "Seconds of one pass through a model.", buckets=_SECONDS, registry=self.registry
        )
        Gauge("darse_waiting_texts", "Texts that wait for the model.", registry=self.registry).set_function(waiting)

    def observe_batch(self, texts: int, seconds: float) -> None:
        """A batch is done."""
        self.batches.observe(texts)
        self.batch_seconds.observe(seconds)

    def page(self) -> bytes:
        """All figures, in Prometheus' text format."""
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware around everything: counts each request once, whatever becomes of it.

    Args:
        app: What answers.
        metrics: Where it is counted.
        route_of: The route of a path, `OTHER` for one that is none.
        ended: Told the route and the status of every request.
    """

    def __init__(
        self, app: App, metrics: Metrics, route_of: Callable[[str], str], ended: Callable[[str, str], None]
    ) -> None:
        self._app, self._metrics, self._route_of, self._ended = app, metrics, route_of, ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), "closed"  # whoever asked has gone before the answer

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            route = self._route_of(scope["path"])
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            self._metrics.requests.labels(route, method, status).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
            self._ended(route, status)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
