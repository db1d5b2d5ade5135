"""Stores and settings to the HTTP application of the pages."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from darse.errors import CorruptStoreError, DarseError, InputError
from darse.monitor.series import Series
from darse.names import printable
from darse.ui.errors import BusyError, MissingError
from darse.ui.frame import THEME_COOKIE, Frame, render, theme_of
from darse.ui.live import Streams
from darse.ui.log_pages import LogPages, TryPages, form_of
from darse.ui.pages import StudyPages
from darse.ui.query import Query
from darse.ui.settings import UiSettings
from darse.ui.shelf import Shelf
from darse.ui.static import static_files
from darse.ui.subject import Library
from darse.ui.tryout import Tryout
from darse.web.guard import App, Guard, House, Scope, Send, problem, refuse_as_json, session_of
from darse.web.settings import WebSettings

SESSION_COOKIE = "darse_session"
LOGIN = "/login"
_WRONG_TOKEN_S = 0.3
"""Whoever guesses waits so long for each answer."""
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     b"img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    # not no-referrer, by which a browser hides even from us that a form is our own
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)  # fmt: skip
_STATIC_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
_log = logging.getLogger("darse.ui")


def make_app(
    shelf: Shelf,
    settings: UiSettings,
    *,
    rules: Path | None = None,
    is_ending: Callable[[], bool] = lambda: False,
    tryout: Tryout | None = None,
) -> App:
    """The application, with its guard around it.

    Args:
        shelf: The stores.
        settings: Limits, names and tokens.
        rules: A file of alert rules, for what can be done about them.
        is_ending: Whether the server ends.
        tryout: What tries texts; by default the adapters in the folders of the studies.
    """
    api = make_api(shelf, settings, rules=rules, is_ending=is_ending, tryout=tryout)
    house = House(
        is_public=lambda path: path == LOGIN or path.startswith("/static/"),
        is_admin=lambda method, path: method == "POST" and path.startswith("/served/"),
        headers=_HEADERS,
        refuse=_refuse,
        cookie=SESSION_COOKIE,
    )
    return Guard(api, settings, house)


def make_api(
    shelf: Shelf,
    settings: UiSettings,
    *,
    rules: Path | None = None,
    is_ending: Callable[[], bool] = lambda: False,
    tryout: Tryout | None = None,
) -> FastAPI:
    """The same without a guard, as tests list its routes; the arguments are those of `make_app`."""
    api = FastAPI(title="DARSE", openapi_url=None, docs_url=None, redoc_url=None)
    _add_handlers(api)
    _add_static(api)
    _add_login(api, settings)
    _add_pages(api, StudyPages(shelf, Library(), Streams(settings.max_streams, settings.poll_s, is_ending)))
    _add_logs(api, LogPages(shelf, Series(), rules, settings.wait_s))
    trying = TryPages(tryout or Tryout(shelf, settings.max_characters), settings.max_characters)
    api.add_api_route("/try", trying.ask, methods=["GET"])
    api.add_api_route("/try", trying.answer, methods=["POST"])
    return api


def _add_pages(api: FastAPI, pages: StudyPages) -> None:
    study = "/studies/{store}/{study}"
    for path, handler in (
        ("/", pages.studies),
        ("/history", pages.history),
        ("/history/{chart}.{kind}", pages.history_data),
        ("/gates", pages.gates),
        ("/compare", pages.compare),
        ("/compare/{chart}.{kind}", pages.compare_data),
        (study, pages.overview),
        (f"{study}/live", pages.live),
        (f"{study}/trials", pages.trials),
        (f"{study}/trials.{{kind}}", pages.trials_data),
        (f"{study}/trials/{{trial}}", pages.trial),
        (f"{study}/trials/{{trial}}/{{chart}}.{{kind}}", pages.trial_data),
        (f"{study}/{{view}}", pages.view),
        (f"{study}/{{view}}/{{chart}}.{{kind}}", pages.view_data),
    ):
        api.add_api_route(path, handler, methods=["GET"])


def _add_logs(api: FastAPI, pages: LogPages) -> None:
    log = "/served/{store}"
    api.add_api_route("/served", pages.logs, methods=["GET"])
    api.add_api_route(log, pages.log, methods=["GET"])
    api.add_api_route(f"{log}/alerts", pages.alerts, methods=["GET"])
    api.add_api_route(f"{log}/alerts/mute", pages.mute, methods=["POST"])
    api.add_api_route(f"{log}/alerts/test", pages.test, methods=["POST"])
    api.add_api_route(f"{log}/{{chart}}.{{kind}}", pages.log_data, methods=["GET"])


def _add_static(api: FastAPI) -> None:
    @api.get("/static/{name}")
    def give(request: Request, name: str) -> Response:
        found = next((one for one in static_files().values() if one.path == f"/static/{name}"), None)
        if found is None:
            raise MissingError("there is no such file; it was one of another version")
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers = {**_STATIC_HEADERS, "Content-Encoding": "gzip"}
            return Response(found.packed, media_type=found.media, headers=headers)
        return Response(found.content, media_type=found.media, headers=_STATIC_HEADERS)


def _add_login(api: FastAPI, settings: WebSettings) -> None:
    @api.get(LOGIN)
    def ask(request: Request) -> Response:
        return HTMLResponse(_problem_page(request.scope, "A token is needed to see these pages.", asks=True))

    @api.post(LOGIN)
    async def enter(request: Request) -> Response:
        fields = await form_of(request)
        given, after = fields.get("token", ""), _inside(fields.get("next", "/"))
        secrets = [one.get_secret_value() for one in (settings.token, settings.admin_token) if one is not None]
        right = [secret for secret in secrets if hmac.compare_digest(given.strip().encode(), secret.encode())]
        if not right:
            await asyncio.sleep(_WRONG_TOKEN_S)
            page = _problem_page(request.scope, "This token is wrong, or none is asked for.", asks=True, after=after)
            return HTMLResponse(page, 401)
        response = RedirectResponse(after, 303)
        response.set_cookie(SESSION_COOKIE, session_of(right[0]), samesite="lax", httponly=True)
        return response


def _inside(path: str) -> str:
    r"""A path of this server; anything that could lead elsewhere is the first page.

    >>> [_inside(path) for path in ("/served?window=1d", "//evil.example", "/\\evil.example", "https://evil.example")]
    ['/served?window=1d', '/', '/', '/']
    """
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours and path.isascii() else "/"


def _add_handlers(api: FastAPI) -> None:
    """Every error as a page, or as JSON for programs; nothing inside is shown."""

    @api.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        told = "there is no such page" if error.status_code == 404 else str(error.detail)
        return _answer(request, error.status_code, told)

    @api.exception_handler(DarseError)
    async def ours(request: Request, error: DarseError) -> Response:
        status = _status_of(error)
        if status == 500:
            _log.error("%s failed: %s", request.url.path, error)
        return _answer(request, status, str(error))

    @api.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return _answer(request, 500, "something inside went wrong; the terminal of `darse ui` has more")


def _status_of(error: DarseError) -> int:
    kinds: tuple[tuple[type[DarseError], int], ...] = (
        (MissingError, 404), (BusyError, 503), (InputError, 422), (CorruptStoreError, 500),
    )  # fmt: skip
    return next((status for kind, status in kinds if isinstance(error, kind)), 503)


def _answer(request: Request, status: int, message: str) -> Response:
    headers = {"Retry-After": "5"} if status == 503 else {}
    if not _wants_page(request.scope):
        return JSONResponse(problem(status, printable(message, 1000)), status, headers)
    return HTMLResponse(_problem_page(request.scope, message), status, headers)


async def _refuse(send: Send, scope: Scope, status: int, message: str) -> None:
    """What the guard lets nobody see, as a page for people: where a token is needed it asks for one."""
    if status != 401 or not _wants_page(scope):
        await refuse_as_json(send, scope, status, message)
        return
    content = _problem_page(scope, message, asks=True).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(content)).encode())]
    headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _wants_page(scope: Scope) -> bool:
    return any(name.lower() == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _problem_page(scope: Scope, message: str, *, asks: bool = False, after: str = "") -> str:
    path, text = str(scope["path"]), bytes(scope["query_string"]).decode("utf-8", "replace")
    query = Query.of(path, text)
    kept = Request(scope).cookies.get(THEME_COOKIE, "")
    frame = Frame(query, theme_of(query, kept), "A token is needed" if asks else "This cannot be shown")
    title = "Show the token" if asks else "What is wrong"
    next_page = after or ("/" if path == LOGIN else query.link())
    return render(
        "problem.html", frame, title=title, message=printable(message, 1000), asks=asks, next=_inside(next_page)
    )
