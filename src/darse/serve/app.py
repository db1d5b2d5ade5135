"""Models and a queue to the HTTP application."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from darse import __version__
from darse.errors import AdapterError, DarseError, InputError
from darse.names import printable
from darse.serve.answering import Answering, UnknownTextError
from darse.serve.batcher import Batcher, BusyError, QueueFullError
from darse.serve.log import TrafficLog
from darse.serve.messages import (
    CanaryBody,
    FeedbackAnswer,
    FeedbackBody,
    Item,
    Labelled,
    Labels,
    ModelCard,
    ModelsAnswer,
    Problem,
    ProdBody,
    ScoreAnswer,
    ScoreBody,
)
from darse.serve.metrics import OTHER, Measured, Metrics
from darse.serve.models import Models
from darse.serve.routing import Routing, Served
from darse.serve.settings import ServeSettings
from darse.web.guard import App, Guard, House, problem, refuse_as_json

PUBLIC = frozenset({"/", "/page.css", "/page.js", "/livez", "/readyz"})
"""What needs no token: an empty page, and whether the server lives."""
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)  # fmt: skip
_ADMIN = "labels"
"""Tag of the routes that change labels."""
_PAGE = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_TEXTS = {
    "one": {"summary": "One text", "value": {"text": "Arrived broken, nobody answers."}},
    "many": {
        "summary": "Many, with ids",
        "value": {"texts": [{"id": "order-17", "text": "Quick and friendly."}, "Not what the picture shows."]},
    },
}
_FEEDBACK = {"label": {"summary": "The right class", "value": {"id": "order-17", "label": "positive"}}}
_log = logging.getLogger("darse.serve")


def make_app(
    models: Models, batcher: Batcher, metrics: Metrics, settings: ServeSettings, log: TrafficLog | None = None
) -> App:
    """The application, with its guard and its figures around it.

    Args:
        models: Which adapters answer.
        batcher: What scores.
        metrics: Where everything is counted.
        settings: Limits, names and tokens.
        log: Where answers are kept; None keeps none.
    """
    api = FastAPI(
        title="DARSE", version=__version__, docs_url=None, redoc_url=None, responses=_problems(400, 401, 408),
        description="Sentiment of texts by an adapter that darse found.",
    )  # fmt: skip
    _add_handlers(api)
    _add_scoring(api, Answering(models, batcher, metrics, settings, log))
    _add_models(api, models)
    _add_state(api, batcher, metrics)
    published = _published(api.openapi(), settings)
    api.openapi = lambda: published  # type: ignore[method-assign]  # as FastAPI's documentation says
    ours = [route for route in api.routes if isinstance(route, APIRoute)]
    admin = {(method, route.path) for route in ours if _ADMIN in route.tags for method in route.methods or ()}
    routes = _route_finder(api)
    house = House(
        is_public=lambda path: path in PUBLIC,
        is_admin=lambda method, path: (method, routes(path)) in admin,
        headers=_HEADERS,
        refuse=refuse_as_json,
    )
    guarded = Guard(api, settings, house)
    return Measured(guarded, metrics, routes, _counter(log))


def _add_scoring(api: FastAPI, answering: Answering) -> None:
    @api.post("/v1/score", responses=_problems(413, 422, 429, 503), summary="Score one text or many", tags=["scores"])
    async def score(body: Annotated[ScoreBody, Body(openapi_examples=_TEXTS)]) -> ScoreAnswer:
        """The scores come in the order of the texts, each with the adapter that said so."""
        items = (
            [body]
            if isinstance(body, Item)
            else [one if isinstance(one, Item) else Item(text=one) for one in body.texts]
        )
        return ScoreAnswer(results=await answering.score(items))

    @api.post("/v1/feedback", responses=_problems(403, 404, 413, 422), summary="Say what was true", tags=["scores"])
    async def tell(body: Annotated[FeedbackBody, Body(openapi_examples=_FEEDBACK)]) -> FeedbackAnswer:
        """The last word on an id counts; 404 for an id that the log does not know."""
        return await run_in_threadpool(answering.tell, body)


def _counter(log: TrafficLog | None) -> Callable[[str, str], None]:
    """Counts what became of requests for scores, in the log's words."""

    def count(route: str, status: str) -> None:
        if log is not None and route == "/v1/score":
            log.counted("busy" if status in {"429", "503"} else _OUTCOMES.get(status[0], "closed"))

    return count


_OUTCOMES = {"2": "answered", "4": "refused", "5": "failed"}


def _add_models(api: FastAPI, models: Models) -> None:
    @api.get("/v1/models", summary="Every adapter, and which ones answer", tags=["models"])
    async def list_models() -> ModelsAnswer:
        """Folders that are no adapter, or a damaged one, are told with a digest of null."""
        return await run_in_threadpool(_listed, models)

    @api.put("/v1/labels/prod", responses=_problems(403, 409, 413, 422), summary="Let an adapter answer", tags=[_ADMIN])
    async def label_prod(body: ProdBody) -> Labels:
        """It is loaded first; until then, and if that fails, what answered before goes on."""
        return _labels(await run_in_threadpool(models.label, "prod", body.name))

    @api.put("/v1/labels/canary", responses=_problems(403, 409, 413, 422), summary="Try an adapter", tags=[_ADMIN])
    async def label_canary(body: CanaryBody) -> Labels:
        """On a part of the texts, or in the shadow of prod."""
        changed = await run_in_threadpool(
            lambda: models.label("canary", body.name, percent=body.percent, is_shadow=body.shadow)
        )
        return _labels(changed)

    @api.delete("/v1/labels/canary", responses=_problems(403, 409), summary="Try no adapter", tags=[_ADMIN])
    async def drop_canary() -> Labels:
        """Prod answers all."""
        return _labels(await run_in_threadpool(models.drop_canary))

    @api.post("/v1/promote", responses=_problems(403, 409), summary="Let the canary answer all", tags=[_ADMIN])
    async def promote() -> Labels:
        """What answered before is kept for a rollback."""
        return _labels(await run_in_threadpool(models.promote))

    @api.post("/v1/rollback", responses=_problems(403, 409), summary="Let the adapter before answer", tags=[_ADMIN])
    async def roll_back() -> Labels:
        """A second rollback takes the first one back."""
        return _labels(await run_in_threadpool(models.roll_back))

    @api.post("/v1/reload", responses=_problems(403, 409), summary="Read the folders again", tags=[_ADMIN])
    async def reload() -> Labels:
        """What has been exported over prod or canary answers from now on."""
        return _labels(await run_in_threadpool(models.reload))


def _add_state(api: FastAPI, batcher: Batcher, metrics: Metrics) -> None:
    @api.get("/livez", summary="Whether the server runs", tags=["state"])
    async def live() -> dict[str, str]:
        """Answers as long as requests are read."""
        return {"status": "live"}

    @api.get("/readyz", responses=_problems(503), summary="Whether scores can come", tags=["state"])
    async def ready() -> dict[str, str]:
        """503 when no text can be scored."""
        if not batcher.is_alive:
            raise HTTPException(503, "the model's thread has ended; start the server again", {"Retry-After": "5"})
        return {"status": "ready"}

    @api.get("/metrics", summary="Figures for Prometheus", tags=["state"], response_class=Response, responses={
        200: {"description": "All figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    })  # fmt: skip
    async def figures() -> Response:
        """Prometheus' text format."""
        return Response(metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    for path, (name, media) in _PAGE.items():
        content = files("darse.serve").joinpath(name).read_bytes()
        api.add_api_route(path, _giver(content, media), include_in_schema=False)


def _giver(content: bytes, media: str) -> Callable[[], Response]:
    def give() -> Response:
        return Response(content, media_type=media)

    return give


def _add_handlers(api: FastAPI) -> None:
    """Every error as the same JSON; what was sent is not sent back, and nothing inside is shown."""

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(422, "; ".join(_told(one) for one in error.errors()[:5]))

    @api.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return _answer(error.status_code, str(error.detail), error.headers)

    @api.exception_handler(DarseError)
    async def ours(request: Request, error: DarseError) -> JSONResponse:
        if isinstance(error, BusyError):
            status = 429 if isinstance(error, QueueFullError) else 503
            return _answer(status, str(error), {"Retry-After": str(error.retry_after_s)})
        if isinstance(error, UnknownTextError):
            return _answer(404, str(error))
        if isinstance(error, InputError):
            is_text = request.url.path in {"/v1/score", "/v1/feedback"} and not isinstance(error, AdapterError)
            return _answer(422 if is_text else 409, str(error))
        _log.error("%s %s failed: %s", request.method, request.url.path, error)
        return _answer(500, str(error))

    @api.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return _answer(500, "something inside went wrong; the server's log has more")


def _answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem(status, printable(message, 1000)), status, headers)


def _told(error: Mapping[str, Any]) -> str:
    """Where something is wrong, and what; never what was sent."""
    place = ".".join(
        printable(str(part), 40) for part in error["loc"] if part not in {"body", "one", "many", "item", "text_only"}
    )
    return f"{place or 'body'}: {error['msg']}" if error["type"] != "json_invalid" else "the body is no JSON"


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    later = {"Retry-After": {"description": "Seconds after which to come back.", "schema": {"type": "integer"}}}
    return {
        status: {
            "model": Problem,
            "description": _MEANING[status],
            **({"headers": later} if status in {429, 503} else {}),
        }
        for status in statuses
    }


_MEANING = {
    400: "No JSON, or a name that this server is not called by.",
    401: "A token is missing or wrong.",
    404: "The log knows no such id.",
    403: "Sent by a page from elsewhere.",
    408: "The request did not arrive in time.",
    409: "The labels cannot be changed so.",
    413: "The body is too large.",
    422: "A text or a value cannot be used.",
    429: "Too many texts wait; come back later.",
    503: "Not answered in time; come back later.",
}


def _published(schema: dict[str, Any], settings: ServeSettings) -> dict[str, Any]:
    """The schema with this server's limits, and how to show a token."""
    parts = schema["components"]["schemas"]
    item, texts = parts["Item"]["properties"], parts["ScoreMany"]["properties"]["texts"]
    texts["maxItems"] = settings.max_texts
    for limited in (item["text"], *item["target"]["anyOf"], *texts["items"]["oneOf"]):
        if limited.get("type") == "string":
            limited["maxLength"] = settings.max_characters
    schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    if settings.token is not None:
        for path, methods in schema["paths"].items():
            for operation in methods.values():
                operation["security"] = [] if path in PUBLIC else [{"token": []}]
    loaded: dict[str, Any] = json.loads(json.dumps(schema))
    return loaded


def _route_finder(api: FastAPI) -> Callable[[str], str]:
    """From a path to the route that would take it, by any method."""
    routes = [(route.path, re.compile(route.path_regex)) for route in api.routes]  # type: ignore[attr-defined]
    return lambda path: next((name for name, pattern in routes if pattern.match(path)), OTHER)


def _listed(models: Models) -> ModelsAnswer:
    routing = models.routing
    return ModelsAnswer(
        labels=_labels(routing), models=[_card(models, name, routing) for name in models.registry.names()]
    )


def _card(models: Models, name: str, routing: Routing) -> ModelCard:
    named = {"prod": routing.prod, "canary": routing.canary, "previous": routing.previous}
    labels = [label for label, served in named.items() if served is not None and served.name == name]
    try:
        manifest = models.registry.manifest(name)
    except InputError:
        return ModelCard(
            name=name, labels=labels, digest=None, profile=None, classes=[], has_score=False, has_target=False
        )
    task = manifest.task
    return ModelCard(
        name=name,
        labels=labels,
        digest=manifest.digest,
        profile=manifest.profile,
        classes=list(task.classes),
        has_score=task.has_score,
        has_target=task.has_target,
    )


def _labels(routing: Routing) -> Labels:
    return Labels(
        prod=_labelled(routing.prod),
        canary=None if routing.canary is None else _labelled(routing.canary),
        percent=routing.percent,
        shadow=routing.is_shadow,
        previous=None if routing.previous is None else _labelled(routing.previous),
    )


def _labelled(served: Served) -> Labelled:
    return Labelled(name=served.name, digest=served.digest)
