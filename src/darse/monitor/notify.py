"""A notice to whoever is to be told, by Apprise: chat, mail or webhook; never to an address inside unless allowed."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import urlsplit

from darse.errors import DarseError, MissingExtraError, SettingsError
from darse.monitor.alerts import Notice
from darse.monitor.rules import Target
from darse.names import printable

_OWN_HOST = frozenset(
    {"json", "jsons", "form", "forms", "xml", "xmls", "mmost", "mmosts", "gotify", "gotifys", "ntfy", "ntfys"}
    | {"matrix", "matrixs", "rocket", "rockets", "mailto", "mailtos"}
)
"""Kinds of address whose host is the user's own."""
_SERVICES = frozenset(
    {"slack", "msteams", "workflow", "workflows", "discord", "tgram", "pagerduty", "opsgenie", "webex", "wxteams"}
    | {"gchat", "pover", "zulip", "signal", "signals", "twilio", "sendgrid", "mailgun", "ses", "sns"}
)
"""Kinds whose host is that of a service."""

Resolve = Callable[[str], Sequence[str]]


class DeliveryError(DarseError):
    """A notice could not be delivered; it is tried again."""


class Notifier(Protocol):
    """Tells somebody."""

    def send(self, title: str, body: str, notice: Notice) -> None:
        """Deliver a notice, once.

        Raises:
            DeliveryError: It was not delivered. The message holds no secret.
        """


def resolve(host: str) -> Sequence[str]:
    """The addresses of a host, of this moment.

    Raises:
        OSError: It has none.
    """
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@dataclass(frozen=True)
class AppriseNotifier:
    """Tells somebody by Apprise.

    Attributes:
        kind: The kind of address, which is no secret.
        url: The address, which is one.
        allow_private: Whether it may be inside.
        resolve: Finds the addresses of a host.
    """

    kind: str
    url: str
    allow_private: bool = False
    resolve: Resolve = resolve

    def __repr__(self) -> str:
        """Without the address."""
        return f"AppriseNotifier({self.kind}://...)"

    def send(self, title: str, body: str, notice: Notice) -> None:
        """See `Notifier.send`."""
        import apprise

        self._refuse_inside()
        levels = {"ok": apprise.NotifyType.SUCCESS, "warning": apprise.NotifyType.WARNING}
        # a redirect could lead inside after all
        sender = apprise.Apprise(asset=apprise.AppriseAsset(http_redirects=False, secure_logging=True))
        kind = levels.get(notice.level, apprise.NotifyType.FAILURE)
        with _silenced():
            if not sender.add(self.url):
                raise DeliveryError(f"the {self.kind} address is incomplete; see Apprise's page on it")
            is_sent = sender.notify(body=body, title=title, notify_type=kind)
        if not is_sent:
            raise DeliveryError(f"{self.kind} was not reached, or refused the notice")

    def _refuse_inside(self) -> None:
        if self.allow_private or self.kind not in _OWN_HOST:
            return
        host = urlsplit(self.url).hostname or ""
        try:
            addresses = self.resolve(host)
        except OSError as error:
            raise DeliveryError(f"the host of the {self.kind} address is not known now") from error
        for address in addresses:
            if not ipaddress.ip_address(address.partition("%")[0]).is_global:
                raise DeliveryError(
                    f"the {self.kind} address is of this machine or of a private network; set allow_private to tell it"
                )


def notifier_of(target: Target, *, environment: Mapping[str, str] = os.environ) -> Notifier:
    """What tells a target.

    Raises:
        SettingsError: Its variable is not set, or its address is of a kind that is not allowed.
        MissingExtraError: Apprise is not installed.
    """
    if find_spec("apprise") is None:
        raise MissingExtraError("apprise", "alerts", "or leave out notify in the rules")
    url = target.url
    if target.env is not None:
        url = environment.get(target.env)
        if not url:
            raise SettingsError([f"the variable {target.env} is not set; it has to hold the address of a target"])
    assert url is not None, "a target has one of both"
    kind = url.partition("://")[0].casefold()
    if "://" not in url or kind not in _OWN_HOST | _SERVICES:
        shown = printable(kind, 20) if "://" in url else "no kind"
        raise SettingsError([f"a target has {shown} of address; use one of {', '.join(sorted(_OWN_HOST | _SERVICES))}"])
    if "redirect=" in url.casefold():
        raise SettingsError([f"the {kind} address sets redirect; leave it out: a redirect could lead anywhere"])
    return AppriseNotifier(kind, url, target.allow_private)


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep addresses out of every log: their paths are secrets too, and are told at the level of debugging."""
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3.connectionpool")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was
