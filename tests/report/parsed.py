"""A page taken apart by an HTML parser, for tests that look at what a browser would see."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"meta", "br", "img", "input", "link", "hr"})


@dataclass
class Page(HTMLParser):
    """Tags with their attributes, scripts and visible text of a page."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    scripts: list[tuple[dict[str, str], str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.tags.append((tag, named))
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((named, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            attributes, content = self.scripts.pop()
            self.scripts.append((attributes, content + data))
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """Everything that is read."""
        return " ".join(" ".join(self.words).split())

    def data(self, name: str) -> dict[str, dict[str, object]]:
        """The JSON of a script by its id."""
        (content,) = (content for attributes, content in self.scripts if attributes.get("id") == name)
        value: dict[str, dict[str, object]] = json.loads(content)
        return value


def parse(html: str) -> Page:
    """Take a page apart; every tag has to be closed in its turn."""
    page = Page()
    page.feed(html)
    page.close()
    assert not page.open
    return page
