"""What somebody wants served to a server that runs until it is stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from darse.cli.stop import stopping_cleanly
from darse.errors import InputError, MissingExtraError
from darse.names import printable, without_secrets

if TYPE_CHECKING:
    from darse.serve.models import Models
    from darse.serve.registry import LabelsRecord, Registry
    from darse.serve.settings import ServeSettings
    from darse.store.traffic import Traffic

DEFAULT_STORE = "darse-traffic.db"
TOKEN, ADMIN_TOKEN = "DARSE_TOKEN", "DARSE_ADMIN_TOKEN"


@dataclass(frozen=True)
class ServeRequest:
    """What somebody wants served.

    Attributes:
        folder: An adapter, or a folder of adapters.
        options: Settings of the server, as far as they are given.
        prod: Name of the adapter that answers; None means as kept.
        canary: Name of the one to try; None means as kept.
        percent: Of the texts that the canary answers.
        is_shadow: Whether the canary answers nobody.
        base: The base model, if it is not where the adapters say.
        trust_remote_code: Whether code of the base model may run.
        store: Address of the store that keeps what is answered.
        is_logged: Whether anything is kept.
        rules: Alert rules to look by, or None.
    """

    folder: Path
    options: dict[str, object]
    prod: str | None = None
    canary: str | None = None
    percent: float | None = None
    is_shadow: bool = False
    base: str | None = None
    trust_remote_code: bool = False
    store: str = DEFAULT_STORE
    is_logged: bool = True
    rules: Path | None = None


def run_serve(request: ServeRequest) -> None:
    """Serve until Ctrl-C or SIGTERM; what can be checked is, before packages load that take seconds."""
    _check_usage(request)
    _require_extra()
    from darse.serve.settings import serve_settings

    secrets = {"token": os.environ.get(TOKEN) or None, "admin_token": os.environ.get(ADMIN_TOKEN) or None}
    settings = serve_settings({**request.options, **secrets})
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with stopping_cleanly("every request under way was answered"):
        from darse.serve.run import Service

        with _traffic(request) as traffic:
            models = _load(request)
            service = Service(models, settings, traffic)
            _tell(console, service.address, models, settings)
            if traffic is not None:
                kept = "texts and answers" if settings.keep_texts else "answers, and digests of texts,"
                console.print(f"{kept} are kept in {without_secrets(request.store)}", markup=False)
            with _guarded(request, traffic):
                service.run()


@contextmanager
def _guarded(request: ServeRequest, traffic: Traffic | None) -> Iterator[None]:
    """Look by the alert rules, if there are any, as long as the block runs."""
    if request.rules is None or traffic is None:
        yield
        return
    from darse.monitor.guard import guard_by, looking

    guard, every_s = guard_by(traffic, request.rules)
    with looking(guard, every_s):
        yield


@contextmanager
def _traffic(request: ServeRequest) -> Iterator[Traffic | None]:
    """Where answers are kept, if they are."""
    if not request.is_logged:
        yield None
        return
    from darse.store.open import open_store

    with open_store(request.store) as store:
        yield store.traffic


def _check_usage(request: ServeRequest) -> None:
    if request.canary is not None and request.percent is None and not request.is_shadow:
        raise InputError("say how many texts the canary answers with --percent, or let it only compare with --shadow")
    logged = (request.store != DEFAULT_STORE, request.options.get("keep_texts"), request.rules)
    if not request.is_logged and any(logged):
        raise InputError("--no-log keeps nothing; drop it, or drop --store, --keep-text and --rules")
    if request.rules is not None and not request.rules.is_file():
        raise InputError(f"{request.rules}: there is no such file; check --rules")
    if request.is_shadow and request.percent is not None:
        raise InputError("a canary in the shadow answers no text; drop --percent or --shadow")
    if request.canary is None and (request.percent is not None or request.is_shadow):
        raise InputError("--percent and --shadow are of a canary; name it with --canary")


def _require_extra() -> None:
    for package in ("fastapi", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise MissingExtraError(package.replace("_", "-"), "serve", "or score files with darse score")


def _load(request: ServeRequest) -> Models:
    from darse.score.scorer import AdapterScorer
    from darse.serve.models import Models
    from darse.serve.registry import open_registry

    registry = open_registry(
        request.folder,
        lambda folder: AdapterScorer.open(folder, base=request.base, trust_remote_code=request.trust_remote_code),
    )
    return Models(registry, _labels(request, registry))


def _labels(request: ServeRequest, registry: Registry) -> LabelsRecord:
    """The labels that were kept, with those that are asked for in their place."""
    from darse.serve.registry import LabelsRecord

    if request.prod is None:
        record = registry.labels()
    else:
        try:
            kept = registry.labels()
        except InputError:  # none were kept, and here is what they are to be
            kept = LabelsRecord(prod=request.prod)
        is_new = kept.prod != request.prod
        record = kept.model_copy(update={"prod": request.prod} | ({"previous": kept.prod} if is_new else {}))
    if request.canary is None:
        return record
    tried = {"canary": request.canary, "percent": request.percent or 0.0, "shadow": request.is_shadow}
    return LabelsRecord.model_validate({**record.model_dump(), **tried})


def _tell(console: Console, address: str, models: Models, settings: ServeSettings) -> None:
    """What answers, and where; the token is never shown."""
    routing = models.routing
    console.print(f"{printable(routing.prod.name)} ({routing.prod.digest[:12]}) answers at {address}", markup=False)
    if routing.canary is not None:
        share = "in the shadow" if routing.is_shadow else f"for {routing.percent:g} % of the texts"
        console.print(f"canary: {printable(routing.canary.name)} ({routing.canary.digest[:12]}) {share}", markup=False)
    guarded = f"a token is asked for ({TOKEN})" if settings.token is not None else "no token is asked for"
    console.print(f"try it: {address}/ in a browser; {guarded}; Ctrl-C stops it", markup=False)
