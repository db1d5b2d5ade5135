"""Hostile requests to the server: none costs much memory, keeps others waiting, gets in, or is a fault of ours.

H1 to H5, H10 to H12 and I9 in their small forms; the long ones are in benchmarks/serve_reliability.py.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import SettingsError
from darse.serve.app import PUBLIC
from darse.serve.settings import ServeSettings, serve_settings
from tests.attacks.test_report_texts import ATTACKS
from tests.serve.serving import WAIT_S, Running, running

TOKEN = "a-token-of-sixteen-characters"
ADMIN = "another-one-for-the-labels"
RECEIVE_S = 0.5
MIB = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(receive_s=RECEIVE_S) as opened:
        yield opened


@pytest.fixture(scope="module")
def guarded() -> Iterator[Running]:
    with running(token=TOKEN, admin_token=ADMIN) as opened:
        yield opened


def connect(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S)


def head(*headers: str, path: str = "/v1/score", method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def status_of(connection: socket.socket) -> int:
    """The status of the answer; 0 if the connection was closed without one."""
    content = b""
    while b"\r\n" not in content:
        try:
            piece = connection.recv(4096)
        except ConnectionResetError:
            return 0
        if not piece:
            return 0
        content += piece
    return int(content.split(b" ", 2)[1])


def memory_kib() -> int:
    with Path("/proc/self/status").open(encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_body_is_refused_and_not_kept(server: Running, is_chunked: bool) -> None:
    before = memory_kib()
    with connect(server) as connection:
        length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {64 * MIB}"
        connection.sendall(head(length))
        piece = b"x" * MIB
        chunk = b"%x\r\n%s\r\n" % (MIB, piece) if is_chunked else piece
        try:
            for _ in range(64):
                connection.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was cut off; the answer was there before
        assert status_of(connection) == 413
    assert memory_kib() - before < 16 * 1024
    assert server.ask().status_code == 200


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST /v1/score HT",
        head("Content-Length: 100")[:-2],
        head("Content-Length: 100"),
        head("Content-Length: 100") + b'{"text": "go',
        head("Transfer-Encoding: chunked") + b"5\r\nab",
        head("Content-Length: 100", path="/v2"),
        head("Content-Length: 100", path="/v2") + b"x",
    ],
)
def test_a_slow_request_is_closed_in_time_however_it_trickles(server: Running, beginning: bytes) -> None:
    with connect(server) as connection:
        connection.settimeout(0.1)
        connection.sendall(beginning)
        end = time.monotonic() + WAIT_S
        while True:
            assert time.monotonic() < end, "it is still open"
            try:
                connection.sendall(b"x")
                if connection.recv(4096) == b"":
                    break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break


def test_slow_requests_keep_nobody_waiting(server: Running) -> None:
    slow = [connect(server) for _ in range(150)]
    try:
        for connection in slow:
            connection.sendall(head("Content-Length: 100") + b"{")
        assert all(server.ask().status_code == 200 for _ in range(20))
    finally:
        for connection in slow:
            connection.close()


def test_bodies_that_are_allowed_each_fill_no_memory_together() -> None:
    with running(max_body_bytes=1024, max_held_bytes=4096, receive_s=5) as small:
        held = [connect(small) for _ in range(6)]
        for connection in held:
            connection.sendall(head("Content-Length: 1024") + b"x" * 1000)
        statuses = {status_of(connection) for connection in held[4:]} - {0}
        assert statuses == {503}
        for connection in held:
            connection.close()
        while small.ask().status_code == 503:
            pass
        assert small.ask().status_code == 200


BODIES: list[bytes] = [
    *(b"", b"{", b"null", b"[]", b"NaN", b"{}", b'"text"', b"\xff\xfe", b"\x00", b"{'text': 'x'}", b'{"text": "\xff"}'),
    *(b'{"text": NaN}', b'{"texts": [NaN]}', b'{"texts": [Infinity, -Infinity]}', b'{"text": "\\ud800"}'),
    *(b'{"text": "a\\u0000b"}', b'{"text": "\\u200b"}', b'{"texts": {"0": "good"}}', b'{"text": "good", "text": 1}'),
    *(b'{"text": 1' + b"0" * 5000 + b"}", b'{"text": 1e999}', b'{"text": "x"', b"[" * 100_000, b'{"a":' * 50_000),
    *(b'{"text": "good", "id": "\\ud800"}', b'{"text": "good", "target": "\\ud800"}', b'{"id": "x"}'),
    *(b'{"texts": [[["x"]]]}', b'{"texts": [{"text": ["x"]}]}', b'{"__class__": "x", "text": "good", "\\u0000": 1}'),
    b'{"texts": [' + b",".join([b'"x"'] * 100_000) + b"]}",
    json.dumps({"text": "good", "\N{PILE OF POO}" * 300: 1}).encode(),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_body_is_a_fault_of_ours(server: Running, body: bytes) -> None:
    for path in ("/v1/score", "/v1/labels/prod", "/v1/labels/canary"):
        method = "POST" if path == "/v1/score" else "PUT"
        answer = server.client.request(method, path, content=body, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.json()["error"]["message"].isprintable()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["text", "texts", "id", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "texts", "id", "target"]), inner)
    ),
)


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bodies_are_no_fault_of_ours(server: Running, body: bytes) -> None:
    answer = server.client.post("/v1/score", content=body, headers={"content-type": "application/json"})
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_that_a_foreign_page_could_send_without_asking_is_refused(server: Running, kind: str) -> None:
    answer = server.client.post("/v1/score", content=b'{"text": "good"}', headers={"content-type": kind})
    assert answer.status_code == 422


RAW = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    head("X: " + "y" * 100_000),
    head("Content-Length: -1"),
    head("Content-Length: 1", "Content-Length: 2") + b"x",
    head("Content-Length: " + "9" * 5000),
    head("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    head("Transfer-Encoding: chunked") + b"fffffffffffffffff\r\n",
    head("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: x", method="GET"),
    head("Host: evil.example", "Content-Length: 0"),
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"G\x00T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
]


@pytest.mark.parametrize("content", RAW, ids=range(len(RAW)))
def test_bytes_that_are_no_request_are_no_fault_of_ours(server: Running, content: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(content)
        assert status_of(connection) < 500
    assert server.ask().status_code == 200


NAMES = [
    *("..", "%2e%2e", "..\\", "..%5c", "%2e%2e%2f", "%252e%252e", "%00", "%2fetc%2fpasswd", "\uff0e\uff0e", "%c0%ae"),
    *("CON", "C:\\", "\\\\host\\share", "a" * 4096, ";", "%0d%0aX:1", "%u002e", "~root", "prod/../prod", "."),
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_in_a_path_reaches_anything(server: Running, name: str) -> None:
    for path in (f"/{name}", f"/v1/labels/{name}", f"/v1/{name}/passwd", f"/page.css/{name}"):
        with connect(server) as connection:
            connection.sendall(b"GET " + path.encode("utf-8") + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert status_of(connection) in {400, 404, 405}


def test_a_name_of_an_adapter_is_one_of_those_listed_or_nothing(server: Running) -> None:
    for name in [*NAMES, "\0", "/etc", "a/", "a\n"]:
        answer = server.client.put("/v1/labels/prod", json={"name": name})
        assert answer.status_code in {409, 422}


def routes(server: Running) -> list[tuple[str, str]]:
    paths = server.client.get("/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods] + [
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
    ]


WRONG = ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xe9", TOKEN]


def test_without_the_token_every_route_but_the_public_ones_is_closed(guarded: Running) -> None:
    assert len(routes(guarded)) > 10
    for method, path in routes(guarded):
        for shown in [None, *WRONG]:
            headers = [] if shown is None else [(b"authorization", shown.encode("latin-1"))]
            answer = guarded.client.request(method, path, headers=headers)
            assert answer.status_code == (200 if path in PUBLIC else 401), (method, path, shown)
        if path not in PUBLIC:
            twice = [("authorization", f"Bearer {TOKEN}")] * 2
            assert guarded.client.request(method, path, headers=twice).status_code == 401


def test_the_token_of_scores_changes_no_labels(guarded: Running) -> None:
    ours, theirs = ({"authorization": f"Bearer {token}"} for token in (TOKEN, ADMIN))
    assert guarded.client.post("/v1/score", json={"text": "good"}, headers=ours).status_code == 200
    assert guarded.client.get("/v1/models", headers=ours).status_code == 200
    assert guarded.client.put("/v1/labels/prod", json={"name": "b"}, headers=ours).status_code == 401
    assert guarded.client.post("/v1/reload", headers=ours).status_code == 401
    assert guarded.client.put("/v1/labels/prod", json={"name": "b"}, headers=theirs).status_code == 200
    assert guarded.client.post("/v1/score", json={"text": "good"}, headers=theirs).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "", "127.0.0.1@evil", "[", "10.0.0.1"]
)
def test_a_name_that_the_server_has_not_is_refused(server: Running, host: str) -> None:
    """A page whose name is pointed at this machine (DNS rebinding) would else talk to it as one of ours."""
    assert server.client.get("/livez", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1", "[::1]:8000"])
def test_loopback_has_several_names(server: Running, host: str) -> None:
    assert server.client.get("/livez", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://[", "http://127.0.0.1:1"])
def test_a_page_from_elsewhere_changes_nothing(server: Running, origin: str) -> None:
    assert server.client.post("/v1/reload", headers={"origin": origin}).status_code == 403
    own = server.service.address
    assert server.client.post("/v1/reload", headers={"origin": own}).status_code == 200


def test_nobody_else_is_let_in_by_default_and_never_without_a_token() -> None:
    assert ServeSettings().host == "127.0.0.1"
    for host in ("0.0.0.0", "::", "192.168.1.7", "example.org"):
        with pytest.raises(SettingsError, match="no token is set"):
            serve_settings({"host": host})
        assert serve_settings({"host": host, "token": TOKEN}).token is not None


@pytest.mark.parametrize(
    "token", ["short", "x" * 15, "with space in between it", "\u00e9" * 20, "line\nline-line-line"]
)
def test_a_token_that_is_weak_or_cannot_be_sent_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(SettingsError) as caught:
        serve_settings({"token": token})
    assert token not in str(caught.value)


def test_settings_do_not_show_a_token() -> None:
    settings = serve_settings({"token": TOKEN, "admin_token": ADMIN})
    assert TOKEN not in f"{settings!r} {settings}"
    assert ADMIN not in f"{settings!r} {settings}"


@pytest.mark.parametrize("text", ATTACKS)
def test_texts_come_back_as_data(server: Running, text: str) -> None:
    """What was sent is not sent back, and JSON is never taken for a page."""
    answer = server.ask(text)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    wrong = server.client.post("/v1/score", json={"texts": [{"text": "x", text: 1}]})
    assert wrong.status_code == 422
    assert wrong.headers["content-type"] == "application/json"
