"""Hostile requests to the pages, and hostile texts in what they show: nobody gets in, nothing comes alive.

H10 to H12 and I9 for `darse ui`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from darse.errors import SettingsError
from darse.store.open import open_store
from darse.store.traffic import Feedback
from darse.ui.app import LOGIN, SESSION_COOKIE
from darse.ui.pages import REFRESH_S
from darse.ui.settings import ui_settings
from darse.ui.static import static_files
from darse.web.guard import session_of
from tests.attacks.test_report_texts import ATTACKS
from tests.attacks.test_serve_requests import ADMIN, NAMES, TOKEN, WRONG
from tests.report.parsed import Page, parse
from tests.report.samples import SHAPES, a_result, with_texts
from tests.store.test_traffic import a_text
from tests.ui.shelves import DAY, Kept, Site, keep_study, routes, site

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded", **HTML}
FORMULAS = ("=1+1", "+1+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1", '=HYPERLINK("http://x")')
RULES = "rules:\n" + "".join(
    f"  - {{name: {one!r}, metric: texts, alert: 1}}\n".replace("\\'", "''") for one in ("plain", "it is <b>")
)
PLAIN = [one.replace("\0", "").replace("\n", " ") for one in ATTACKS]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return keep_study(tmp_path_factory.mktemp("guarded") / "study")


@pytest.fixture(scope="module")
def guarded(kept: Kept) -> Iterator[Site]:
    with site(kept.folder, token=TOKEN, admin_token=ADMIN) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(kept: Kept) -> Iterator[Site]:
    """The pages on loopback, without a token."""
    with site(kept.folder) as opened:
        yield opened


def filled(pattern: str, opened: Site, kept: Kept) -> str:
    """A path of a pattern that leads to something."""
    values = {"store": opened.key("study"), "study": kept.study, "view": "ranks", "trial": kept.trials[0]}
    values |= {"chart": "ranks", "kind": "json", "name": static_files()["page.js"].path.rpartition("/")[2]}
    return pattern.format(**values)


def test_without_a_token_every_route_but_the_public_ones_is_closed(guarded: Site, kept: Kept) -> None:
    """H10."""
    found = routes(guarded.shelf)
    assert len(found) > 20
    for method, pattern in [*found, ("GET", "/nothing")]:
        path = filled(pattern, guarded, kept)
        is_public = path == LOGIN or path.startswith("/static/")
        for shown in [None, *WRONG]:
            headers = [] if shown is None else [(b"authorization", shown.encode("latin-1"))]
            answer = guarded.client.request(method, path, headers=headers)
            if is_public:
                assert answer.status_code == (200 if method == "GET" else 422), (method, path, shown)
            else:
                assert answer.status_code == 401, (method, path, shown)
                assert "error" in answer.json()
        page = guarded.client.request(method, path, headers=HTML)
        if not is_public:
            assert page.status_code == 401
            assert "A token is needed" in page.text
            assert kept.study not in parse(page.text).text


def test_the_token_or_a_cookie_opens_and_the_cookie_does_not_tell_the_token(guarded: Site, kept: Kept) -> None:
    path = guarded.study(kept)
    assert guarded.client.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    body = urlencode({"token": TOKEN, "next": f"{path}?theme=dark"})
    entered = guarded.client.post(LOGIN, content=body, headers=FORM)
    cookie = entered.headers["set-cookie"]
    assert (entered.status_code, entered.headers["location"]) == (303, f"{path}?theme=dark")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert TOKEN not in cookie
    assert guarded.client.get(path).status_code == 200
    guarded.client.cookies.clear()
    for wrong in ("", TOKEN, session_of("another token of some length"), session_of(TOKEN)[:-1]):
        answer = guarded.client.get(path, headers={"cookie": f"{SESSION_COOKIE}={wrong}"})
        assert answer.status_code == 401
    twice = f"{SESSION_COOKIE}={session_of(TOKEN)}; {SESSION_COOKIE}={session_of(TOKEN)}"
    assert guarded.client.get(path, headers={"cookie": twice}).status_code == 401


@pytest.mark.parametrize("token", ["", "w" * 20, TOKEN[:-1], f"{TOKEN}x", "\xe9" * 20])
def test_a_wrong_token_lets_nobody_in(guarded: Site, token: str) -> None:
    answer = guarded.client.post(LOGIN, content=urlencode({"token": token}), headers=FORM)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert token == "" or token not in answer.text


def test_the_admin_token_is_asked_for_where_something_is_changed(guarded: Site) -> None:
    path = f"/served/{guarded.key('study')}/alerts/mute"
    for token, status in ((TOKEN, 401), (ADMIN, 422)):
        headers = {**FORM, "authorization": f"Bearer {token}"}
        assert guarded.client.post(path, content="rule=x&span=1h", headers=headers).status_code == status
        headers = {**FORM, "cookie": f"{SESSION_COOKIE}={session_of(token)}"}
        assert guarded.client.post(path, content="rule=x&span=1h", headers=headers).status_code == status


@pytest.mark.parametrize(
    "after", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\r\nX: 1", "", "/é"]
)
def test_a_login_leads_nowhere_else(guarded: Site, after: str) -> None:
    answer = guarded.client.post(LOGIN, content=urlencode({"token": TOKEN, "next": after}), headers=FORM)
    assert answer.headers["location"] == "/"
    guarded.client.cookies.clear()


def test_what_can_be_reached_by_others_needs_a_token() -> None:
    """H11."""
    assert ui_settings({}).is_loopback
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(SettingsError, match="no token is set"):
            ui_settings({"host": host})


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "", "127.0.0.1.nip.io"])
def test_a_foreign_name_of_the_server_is_refused(plain: Site, kept: Kept, host: str) -> None:
    """H11: a page elsewhere that makes its own name point here reads nothing."""
    answer = plain.client.get("/", headers={"host": host, **HTML})
    assert answer.status_code == 400
    assert kept.study not in answer.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://localhost.evil"])
def test_a_form_of_another_page_changes_nothing(kept: Kept, origin: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    with site(kept.folder, rules=tmp_path / "rules.yaml") as opened:
        path = f"/served/{opened.key('study')}/alerts/mute"
        headers = {**FORM, "origin": origin}
        with open_store(kept.folder / "study.db") as store:
            before = store.traffic.alert("plain")
        assert opened.client.post(path, content="rule=plain&span=1h", headers=headers).status_code == 403
        with open_store(kept.folder / "study.db") as store:
            assert store.traffic.alert("plain") == before
        own = {**FORM, "origin": "http://localhost"}
        assert opened.client.post(path, content="rule=plain&span=1h", headers=own).status_code == 200


def test_every_answer_forbids_scripts_of_others_and_being_framed(plain: Site, kept: Kept) -> None:
    for path in ("/", "/nothing", "/try", plain.study(kept), plain.study(kept, "ranks", "ranks.json")):
        headers = plain.client.get(path, headers=HTML).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", NAMES)
def test_no_name_in_an_address_reaches_anything(plain: Site, kept: Kept, name: str) -> None:
    """I9."""
    key, study = plain.key("study"), kept.study
    for path in (
        f"/{name}", f"/static/{name}", f"/studies/{name}/{study}", f"/studies/{key}/{name}",
        f"/studies/{key}/{study}/{name}/{name}.json", f"/studies/{key}/{study}/trials/{name}", f"/served/{name}",
        f"/compare?study={key}:{name}", f"/try?adapter={name}",
    ):  # fmt: skip
        answer = plain.client.get(path if name.startswith("%") else quote(path, safe="/?=:%"))
        assert answer.status_code < 500
        assert "root:x:0" not in answer.text


def test_bodies_that_are_no_forms_are_no_fault_of_ours(plain: Site) -> None:
    bodies = [b"", b"\xff\xfe", b"{}", b"a=" * 5000, b"&" * 100_000, b"text=%ff", b"adapter=x&text=" + b"a" * 100_000]
    for path in ("/try", LOGIN, f"/served/{plain.key('study')}/alerts/mute", "/served/x/alerts/test"):
        for body in bodies:
            for kind in (FORM["content-type"], "application/json", "multipart/form-data; boundary=x", ""):
                answer = plain.client.post(path, content=body, headers={"content-type": kind})
                assert 400 <= answer.status_code < 500, (path, body[:20], kind, answer.text)
    assert plain.client.post("/try", content=b"x" * 200_000, headers=FORM).status_code == 413


def live_parts(page: Page) -> list[object]:
    """What would come alive: scripts, handlers, addresses that lead elsewhere, and elements that load."""
    alive: list[object] = [one for one in page.scripts if not one[0].get("src", "").startswith("/static/") or one[1]]
    for tag, attributes in page.tags:
        alive += [name for name in attributes if name.startswith("on") or name == "style"]
        where = [attributes.get(name, "/") for name in ("href", "src", "action", "data-src", "data-live")]
        alive += [one for one in where if not re.match(r"/(?!/)|#|data:,$", one)]
        alive += [tag] if tag in {"iframe", "object", "embed", "base", "svg", "img", "style", "math"} else []
        if tag == "meta" and attributes.get("http-equiv"):
            alive += [] if attributes["content"] == str(REFRESH_S) else [attributes]
    return alive


def test_no_text_of_a_study_comes_alive(tmp_path: Path) -> None:
    """H12."""
    result = with_texts(a_result(SHAPES["joint task"]), PLAIN)
    for place, text in enumerate(PLAIN[:12]):
        keep_study(tmp_path / f"{place}", result, name=text, state=("finished", "running")[place % 2], queued=2)
    first = keep_study(tmp_path / "<b>name" / "with'quote\"", result, name=PLAIN[1])
    with site(tmp_path, tmp_path / "<b>name") as opened:
        key = opened.key("with'quote\"")
        pair = f"study={key}:{first.study}&study={opened.key('0')}:{first.study}"
        paths = ["/", "/history", "/gates", "/?q=%22%3E%3Cscript%3E1%3C/script%3E", "/compare", f"/compare?{pair}"]
        views = (
            "",
            "/ranks",
            "/size",
            "/sensitivity",
            "/layers",
            "/quality",
            "/course",
            "/events",
            "/settings",
            "/trials",
        )
        paths += [f"/studies/{one}/{first.study}{view}" for one in (key, opened.key("1")) for view in views]
        paths += [f"/studies/{key}/{first.study}/trials", f"/studies/{key}/{first.study}/trials/{first.trials[0]}"]
        shown = ""
        for path in paths:
            html = opened.page(path)
            page = parse(html)
            assert live_parts(page) == [], path
            shown += page.text
            for source in re.findall(r'data-src="([^"]+)"', html):
                answer = opened.client.get(unescape(source))
                assert answer.headers["content-type"] == "application/json"
                figure = str(answer.json()["figure"])
                assert not re.search(r"<(?!br>|/?b>|extra|/extra)\w", figure), "plotly.js reads a little HTML"
        assert "<script>alert(1)</script>" in shown, "the attacks are on the pages, as text"


def test_no_text_of_a_log_comes_alive(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    with open_store(tmp_path / "log.db") as store:
        store.traffic.add(
            [a_text(at, time=DAY - at, label=text, key=f"k{at}") for at, text in enumerate(PLAIN)],
            [Feedback(DAY, f"k{at}", text, None) for at, text in enumerate(PLAIN)],
        )
        for text in PLAIN:
            if text.isprintable() and len(text) <= 100:
                store.traffic.set_alert(text, {}, {"level": "alert", "value": 1.0})
    with site(tmp_path / "log.db", rules=tmp_path / "rules.yaml", wait_s=60) as opened:
        log = f"/served/{opened.key('log')}"
        for path in ("/served", f"{log}?until={int(DAY)}", f"{log}/alerts"):
            assert live_parts(parse(opened.page(path))) == [], path
        told = opened.client.post(
            f"{log}/alerts/mute", content=urlencode({"rule": PLAIN[0], "span": "1h"}), headers=FORM
        )
        assert told.status_code == 422
        assert live_parts(parse(told.text)) == []
        tried = opened.client.post("/try", content=urlencode({"adapter": PLAIN[1], "text": PLAIN[2]}), headers=FORM)
        assert live_parts(parse(tried.text)) == []


@pytest.mark.parametrize("attack", PLAIN[:20])
def test_nothing_in_an_address_comes_alive(plain: Site, attack: str) -> None:
    for path in (f"/{quote(attack)}", f"/studies/{quote(attack, safe='')}/x", f"/?{quote(attack)}={quote(attack)}",
                 f"/compare?study={quote(attack)}", f"/?q={quote(attack)}&theme={quote(attack)}"):  # fmt: skip
        answer = plain.client.get(path, headers=HTML)
        assert live_parts(parse(answer.text)) == [], path
        assert not any("\n" in value or "\r" in value for value in answer.headers.values())


def test_no_cell_that_is_taken_away_is_a_formula(tmp_path: Path) -> None:
    """H12."""
    with open_store(tmp_path / "log.db") as store:
        store.traffic.add([a_text(at, time=DAY - at, label=text) for at, text in enumerate(FORMULAS)])
    kept = keep_study(tmp_path / "one", with_texts(a_result(SHAPES["joint task"]), FORMULAS * 4))
    with site(tmp_path, tmp_path / "log.db", wait_s=60) as opened:
        log = f"/served/{opened.key('log')}"
        texts = [opened.client.get(f"{log}/labels.csv?until={int(DAY)}").text]
        texts += [
            opened.client.get(opened.study(kept, *path)).text for path in (("trials.csv",), ("ranks", "ranks.csv"))
        ]
        cells = [cell for text in texts for row in csv.reader(io.StringIO(text)) for cell in row]
        assert len(cells) > 100
        for cell in cells:
            assert not re.match(r"[=@＝＠\t\r]|[+\-＋－](?![\d.]+$)", cell), cell
