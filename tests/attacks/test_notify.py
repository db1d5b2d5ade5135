"""Addresses of alerts: none leads inside, follows a redirect or shows its secret (H13)."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from darse.errors import SettingsError
from darse.monitor.alerts import Notice
from darse.monitor.notify import AppriseNotifier, DeliveryError, Notifier, notifier_of
from darse.monitor.rules import Target

NOTICE = Notice(time=1.0, rule="unhappy", kind="worse", level="alert", value=0.9)
SECRET = "hunter2secret"


@dataclass
class Webhook:
    """A server on loopback that takes notices."""

    port: int = 0
    status: int = 200
    location: str | None = None
    got: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    state = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.got.append({"path": self.path, **json.loads(body)})
            self.send_response(state.status)
            if state.location is not None:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            state.got.append({"path": self.path})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


def to(webhook: Webhook, *, allow_private: bool = True) -> Notifier:
    return AppriseNotifier("json", f"json://user:{SECRET}@127.0.0.1:{webhook.port}/in", allow_private)


def test_a_notice_arrives_as_it_is(webhook: Webhook) -> None:
    to(webhook).send("alert: unhappy", "share of negative is 0.9", NOTICE)
    (got,) = webhook.got
    assert (got["title"], got["message"], got["type"]) == ("alert: unhappy", "share of negative is 0.9", "failure")


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "localhost",
            "0.0.0.0",
            "[::1]",
            "169.254.169.254",
            "[fd00:ec2::254]",
            "10.0.0.7",
            "192.168.1.1",
        ),
        *("2130706433", "0x7f.1", "017700000001", "127.1", "[::ffff:127.0.0.1]", "100.64.0.1", "172.16.0.1"),
    ],
)
def test_an_address_inside_is_refused_however_it_is_written(host: str) -> None:
    for kind in ("json", "jsons", "form", "mailto", "ntfy"):
        with pytest.raises(DeliveryError, match=r"of this machine or of a private network|is not known now"):
            AppriseNotifier(kind, f"{kind}://user:{SECRET}@{host}/x").send("t", "b", NOTICE)


def test_a_name_that_leads_inside_is_refused(webhook: Webhook) -> None:
    notifier = AppriseNotifier("json", "json://hooks.example/x", resolve=lambda host: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(DeliveryError, match="private network; set allow_private"):
        notifier.send("t", "b", NOTICE)
    with pytest.raises(DeliveryError, match="private network"):
        to(webhook, allow_private=False).send("t", "b", NOTICE)
    assert webhook.got == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(webhook: Webhook, status: int) -> None:
    webhook.status, webhook.location = status, f"http://127.0.0.1:{webhook.port}/inside"
    with pytest.raises(DeliveryError, match="json was not reached, or refused the notice"):
        to(webhook).send("t", "b", NOTICE)
    assert [got["path"] for got in webhook.got] == ["/in"]


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "http://example.org", "gopher://x", "dbus://", "syslog://", "windows://", "macosx://"),
        *("/etc/passwd", "include://x", "json//x", "", "data:text/plain,x", "JSON2://x", "apprise://x", "exec://x"),
    ],
)
def test_a_kind_of_address_that_is_not_listed_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"a target has|is not set"):
        notifier_of(Target(env="ALERTS"), environment={"ALERTS": url})


def test_an_address_that_would_follow_redirects_is_refused() -> None:
    with pytest.raises(SettingsError, match="sets redirect"):
        notifier_of(Target(url=f"json://u:{SECRET}@example.org/?redirect=yes"))


def test_a_secret_is_in_no_message_log_or_representation(
    webhook: Webhook, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    target = Target(url=f"json://user:{SECRET}@127.0.0.1:{webhook.port}/{SECRET}", allow_private=True)
    for webhook.status in (200, 403, 500):
        notifier = notifier_of(target)
        try:
            notifier.send("t", "b", NOTICE)
        except DeliveryError as error:
            said.append(str(error))
        said.append(repr(notifier))
    for url in (f"nothing://{SECRET}", f"json://u:{SECRET}@example.org/?redirect=1"):
        with pytest.raises(SettingsError) as caught:
            notifier_of(Target(url=url))
        said.append(str(caught.value))
    said += [repr(target), caplog.text, *capsys.readouterr()]
    assert len(webhook.got) == 3
    assert SECRET not in "".join(said)
