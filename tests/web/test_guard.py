"""What stands before every server of ours: headers, cookies that stand for a token, and who takes none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from pydantic import SecretStr

from darse.web.guard import App, Guard, House, Message, Receive, Scope, Send, refuse_as_json, session_of
from darse.web.settings import WebSettings

TOKEN = "a-token-of-sixteen-characters"
BEARER = (b"authorization", f"Bearer {TOKEN}".encode())
HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that keeps one of its answers for ever."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"immutable")]})
    await send({"type": "http.response.body", "body": b""})


def asked(
    *headers: tuple[bytes, bytes], cookie: str | None = "session", app: App = answer
) -> tuple[int, Sequence[tuple[bytes, bytes]]]:
    """Status and headers of an answer behind a guard."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    house = House(lambda path: False, lambda method, path: False, HEADERS, refuse_as_json, cookie)
    guard = Guard(app, WebSettings(token=SecretStr(TOKEN)), house)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost"), *headers]}
    asyncio.run(guard(scope, receive, send))
    return int(sent[0]["status"]), sent[0]["headers"]


def test_a_header_that_an_answer_has_itself_is_not_sent_twice() -> None:
    status, headers = asked(BEARER)
    assert status == 200
    assert sorted(headers) == [(b"Cache-Control", b"immutable"), HEADERS[1]]
    assert HEADERS[0] in asked()[1]


def test_what_fails_after_its_answer_closes_no_connection_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def break_late(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope, receive, send)
        raise RuntimeError("late")

    async def break_early(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("early")

    assert asked(BEARER, app=break_late)[0] == 200
    assert "late" in caplog.text
    with pytest.raises(RuntimeError, match="early"):
        asked(BEARER, app=break_early)


def test_a_cookie_stands_for_the_token_where_it_is_taken_and_nowhere_else() -> None:
    shown = (b"cookie", f"other=1; session={session_of(TOKEN)}".encode())
    assert asked(shown)[0] == 200
    assert asked(shown, cookie=None)[0] == 401
    assert asked(shown, cookie="another")[0] == 401
    assert asked((b"cookie", f"session={TOKEN}".encode()))[0] == 401
    assert asked((b"cookie", b"session=\xff"))[0] == 401
    assert asked(shown, (b"cookie", b"a=b"))[0] == 401, "of two headers none is taken"
