"""Where a server listens, who may ask and what a request may cost, checked once, with the reason for each default."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class WebSettings(BaseModel):
    """What every server of ours has.

    Limits are per request unless they say otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    host: str = "127.0.0.1"
    """Loopback: nobody else can reach it."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 takes a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that a request may call this server by, besides those of loopback; `*` allows any."""
    token: SecretStr | None = None
    """What a request has to show; None asks for nothing, on loopback alone."""
    admin_token: SecretStr | None = None
    """What a request that changes something has to show; None means the token."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1 << 20
    """Room for the largest number of texts of ordinary length."""
    max_held_bytes: Annotated[int, Field(ge=1024)] = 64 << 20
    """Of the bodies of all requests under way: many that are allowed each must not fill the memory together."""
    receive_s: Annotated[float, Field(gt=0, le=600)] = 8.0
    """Seconds in which a request has to arrive, from its first byte to its last."""
    shutdown_s: Annotated[int, Field(ge=1, le=600)] = 8
    """Seconds that requests under way have when the server is stopped."""

    @property
    def is_loopback(self) -> bool:
        """Whether nobody else can reach it."""
        return is_loopback(self.host)

    @model_validator(mode="after")
    def _is_guarded(self) -> Self:
        if not self.is_loopback and self.token is None:
            raise ValueError(
                f"[host] {self.host!r} can be reached by others, and no token is set; set DARSE_TOKEN, "
                "or listen on 127.0.0.1"
            )
        for name, secret in (("token", self.token), ("admin_token", self.admin_token)):
            if secret is not None and not _is_token(secret.get_secret_value()):
                raise ValueError(f"the {name} is too weak or cannot be sent; take 16 or more visible ASCII characters")
        if self.admin_token is not None and self.token is None:
            raise ValueError("there is an admin token but no token; set DARSE_TOKEN as well")
        if self.max_held_bytes < self.max_body_bytes:
            raise ValueError("[max_held_bytes] is below [max_body_bytes], which one request may have; raise it")
        return self


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own.

    >>> is_loopback("localhost"), is_loopback("127.0.0.9"), is_loopback("0.0.0.0"), is_loopback("::1")
    (True, True, False, True)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_token(text: str) -> bool:
    return len(text) >= 16 and text.isascii() and text.isprintable() and " " not in text
