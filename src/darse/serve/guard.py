"""A request to one that may be answered: who asks, by which name, with how many bytes; the rest is refused here."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from darse.serve.settings import ServeSettings, is_loopback

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PUBLIC = frozenset({"/", "/page.css", "/page.js", "/livez", "/readyz"})
"""What needs no token: an empty page, and whether the server lives."""
_GONE = (0, "")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)  # fmt: skip


class Guard:
    """ASGI middleware before everything that reads a request.

    Args:
        app: What answers.
        settings: Names, tokens and limits.
        is_admin: Whether a method on a path changes labels.
    """

    def __init__(self, app: App, settings: ServeSettings, is_admin: Callable[[str, str], bool]) -> None:
        self._app, self._settings, self._is_admin = app, settings, is_admin
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        headers = _headers_of(scope)
        refusal = self._refusal(scope, headers) or _length_refusal(headers, self._settings.max_body_bytes)
        if refusal is not None:
            await _refuse(send_safely, *refusal)
            return
        content = bytearray()
        try:
            refusal = await self._receive(receive, content)
            if refusal is None:
                await self._app(scope, _replay(bytes(content), receive), send_safely)
            elif refusal is not _GONE:
                await _refuse(send_safely, *refusal)
        finally:
            self._held -= len(content)

    def _refusal(self, scope: Scope, headers: Mapping[bytes, list[bytes]]) -> tuple[int, str] | None:
        host = _text(headers.get(b"host", []))
        if not self._is_called(host):
            return 400, "this server is not called by that name; start it with --allow-host to allow it"
        if scope["method"] not in _SAFE_METHODS and not _is_same_origin(headers, host):
            return 403, "the page that sent this comes from elsewhere"
        if scope["path"] in PUBLIC:
            return None
        return self._token_refusal(scope, headers)

    def _is_called(self, host: str) -> bool:
        allowed = self._settings.allowed_hosts
        if "*" in allowed or (not allowed and not self._settings.is_loopback):
            return True  # who is reachable by others has a token, which a page that rebinds a name does not know
        name = _name_of(host)
        return name in allowed or is_loopback(name)

    def _token_refusal(self, scope: Scope, headers: Mapping[bytes, list[bytes]]) -> tuple[int, str] | None:
        token = self._settings.token
        if token is None:
            return None
        kind, _, given = _text(headers.get(b"authorization", [])).partition(" ")
        has_admin = self._settings.admin_token is not None and self._is_admin(scope["method"], scope["path"])
        wanted = [self._settings.admin_token] if has_admin else [token, self._settings.admin_token]
        secrets = [one.get_secret_value() for one in wanted if one is not None]
        # every one is compared, so that the time taken says nothing
        matches = [hmac.compare_digest(given.strip().encode(), secret.encode()) for secret in secrets]
        if kind.casefold() == "bearer" and any(matches):
            return None
        return 401, "a token is needed: Authorization: Bearer TOKEN" + (" (the admin token)" if has_admin else "")

    async def _receive(self, receive: Receive, content: bytearray) -> tuple[int, str] | None:
        """Read the whole body, or say what is wrong with it; `_GONE` if whoever sent it has gone."""
        limit = self._settings.max_body_bytes
        try:
            async with asyncio.timeout(self._settings.receive_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return _GONE
                    piece = message.get("body", b"")
                    content += piece
                    self._held += len(piece)
                    if len(content) > limit:
                        return _too_large(limit)
                    if self._held > self._settings.max_held_bytes:
                        return 503, "too many large requests are under way; come back later"
                    if not message.get("more_body", False):
                        return None
        except TimeoutError:
            return 408, f"the request did not arrive within {self._settings.receive_s:g} s"


def problem(status: int, message: str) -> dict[str, object]:
    """What every answer but a good one says, as JSON."""
    return {"error": {"status": status, "message": message}}


async def _refuse(send: Send, status: int, message: str) -> None:
    headers = [(b"content-type", b"application/json")]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"1"))
    content = json.dumps(problem(status, message)).encode()
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _too_large(limit: int) -> tuple[int, str]:
    return 413, f"the body is larger than {limit} bytes; send fewer texts at once, or score a file with darse score"


def _length_refusal(headers: Mapping[bytes, list[bytes]], limit: int) -> tuple[int, str] | None:
    """A body that says itself that it is too large is not read; the connection discards it until its deadline."""
    length = _text(headers.get(b"content-length", []))
    return _too_large(limit) if length.isascii() and length.isdecimal() and int(length[:20]) > limit else None


def _replay(body: bytes, receive: Receive) -> Receive:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replayed() -> Message:
        return next(messages, None) or await receive()

    return replayed


def _headers_of(scope: Scope) -> Mapping[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(bytes(name).lower(), []).append(bytes(value))
    return found


def _text(values: Iterable[bytes]) -> str:
    """A header's value; none, and one that is there twice, are the empty text."""
    found = [value.decode("latin-1") for value in values]
    return found[0] if len(found) == 1 else ""


def _name_of(host: str) -> str:
    """The name in a Host header, without its port.

    >>> _name_of("localhost:80"), _name_of("[::1]:80"), _name_of("::1"), _name_of("[")
    ('localhost', '::1', '', '')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_same_origin(headers: Mapping[bytes, list[bytes]], host: str) -> bool:
    """Whether a browser sends this from a page of ours; other programs send no origin."""
    if b"origin" not in headers:
        return True
    return _text(headers[b"origin"]).casefold() in {f"{scheme}://{host.casefold()}" for scheme in ("http", "https")}
