"""A request to one that may be answered: who asks, by which name, with how many bytes; the rest is refused here."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from darse.web.settings import WebSettings, is_loopback

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_GONE = (0, "")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SESSION = b"darse session"
_log = logging.getLogger("darse.web")


@dataclass(frozen=True)
class House:
    """What a guard has to know of the application behind it.

    Attributes:
        is_public: Whether a path needs no token.
        is_admin: Whether a method on a path changes something, and so needs the admin token if there is one.
        headers: Of every answer, unless it has one of that name itself.
        cookie: Name of the cookie that may stand for a token (`session_of`); None where there is no such.
        refuse: What is sent in place of an answer, given how to send, the request, the status and the reason.
    """

    is_public: Callable[[str], bool]
    is_admin: Callable[[str, str], bool]
    headers: Sequence[tuple[bytes, bytes]]
    refuse: Callable[[Send, Scope, int, str], Awaitable[None]]
    cookie: str | None = None


class Guard:
    """ASGI middleware before everything that reads a request.

    Args:
        app: What answers.
        settings: Names, tokens and limits.
        house: What is known of the application.
    """

    def __init__(self, app: App, settings: WebSettings, house: House) -> None:
        self._app, self._settings, self._house = app, settings, house
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_answered = False

        async def send_safely(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                named = {bytes(name).lower() for name, _ in own}
                message["headers"] = [*own, *(one for one in self._house.headers if one[0] not in named)]
            await send(message)
            is_answered = message["type"] == "http.response.body" and not message.get("more_body", False)

        headers = _headers_of(scope)
        refusal = self._refusal(scope, headers) or _length_refusal(headers, self._settings.max_body_bytes)
        if refusal is not None:
            await self._house.refuse(send_safely, scope, *refusal)
            return
        content = bytearray()
        try:
            refusal = await self._receive(receive, content)
            if refusal is None:
                await self._app(scope, _replay(bytes(content), receive), send_safely)
            elif refusal is not _GONE:
                await self._house.refuse(send_safely, scope, *refusal)
        except Exception:
            # one that was answered ends here: the server would close a connection that the next request is on
            if not is_answered:
                raise
            _log.exception("a request that was answered failed inside")
        finally:
            self._held -= len(content)

    def _refusal(self, scope: Scope, headers: Mapping[bytes, list[bytes]]) -> tuple[int, str] | None:
        host = _text(headers.get(b"host", []))
        if not self._is_called(host):
            return 400, "this server is not called by that name; start it with --allow-host to allow it"
        if scope["method"] not in _SAFE_METHODS and not _is_same_origin(headers, host):
            return 403, "the page that sent this comes from elsewhere"
        if self._house.is_public(scope["path"]):
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
        session = _cookie(headers, self._house.cookie) if self._house.cookie is not None else ""
        has_admin = self._settings.admin_token is not None and self._house.is_admin(scope["method"], scope["path"])
        wanted = [self._settings.admin_token] if has_admin else [token, self._settings.admin_token]
        secrets = [one.get_secret_value() for one in wanted if one is not None]
        # every one is compared, so that the time taken says nothing
        matches = [hmac.compare_digest(given.strip().encode(), secret.encode()) for secret in secrets]
        sessions = [hmac.compare_digest(session.encode(), session_of(secret).encode()) for secret in secrets]
        if (kind.casefold() == "bearer" and any(matches)) or any(sessions):
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


def session_of(secret: str) -> str:
    """What a cookie holds in place of a token: it shows that somebody had it, and does not tell it.

    >>> session_of("a-token-of-sixteen-characters") == session_of("another")
    False
    """
    return hmac.new(secret.encode(), _SESSION, hashlib.sha256).hexdigest()


def problem(status: int, message: str) -> dict[str, object]:
    """What every answer but a good one says, as JSON."""
    return {"error": {"status": status, "message": message}}


async def refuse_as_json(send: Send, scope: Scope, status: int, message: str) -> None:
    """A refusal for programs."""
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


def _cookie(headers: Mapping[bytes, list[bytes]], name: str) -> str:
    """A cookie's value; none, and one that is there twice, are the empty text."""
    pairs = [pair.strip().partition("=") for pair in _text(headers.get(b"cookie", [])).split(";")]
    found = [value for key, _, value in pairs if key == name]
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
