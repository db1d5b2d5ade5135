"""Every package that the product imports is named as a dependency, so that a fresh environment has it."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


SERVERS = {ROOT / "src" / "darse" / room for room in ("serve", "ui", "web")}


def imported(*, at_once: bool) -> set[str]:
    """Top-level names of the packages from outside that a module imports at once, or first where it uses them.

    The rooms of the servers are imported where they are used, so their modules count as such uses.
    """
    return {
        name
        for file in (ROOT / "src" / "darse").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and (node.col_offset == 0 and SERVERS.isdisjoint(file.parents)) == at_once
        for name in names(node)
        if name not in sys.stdlib_module_names and name != "darse"
    }


def names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name.split(".")[0] for one in node.names)
    elif not node.level and node.module:
        yield node.module.split(".")[0]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", name)[0]).lower()


EXTRAS = ("onnx", "serve", "ui", "insights", "alerts", "testing", "optuna", "mlflow", "trackio")
"""Those whose packages are imported where they are used."""


@pytest.mark.parametrize("at_once", [True, False])
def test_every_imported_package_is_a_declared_dependency(at_once: bool) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {plain(one) for one in project["dependencies"]}
    if not at_once:  # an extra's package is imported where it is used, and a missing one is told
        declared |= {plain(one) for extra in EXTRAS for one in project["optional-dependencies"][extra]}
    providers = importlib.metadata.packages_distributions()
    outside = imported(at_once=at_once)
    assert len(outside) > 4
    # what declared packages cannot be without: transformers, pydantic, jinja2, huggingface-hub, fastapi
    declared |= {"huggingface-hub", "tokenizers", "pydantic-core", "markupsafe", "pyyaml", "starlette"}
    missing = {name for name in outside if not {plain(one) for one in providers.get(name, [name])} & declared}
    assert missing == set()


def test_nothing_needs_a_server_before_it_is_asked_for() -> None:
    for file in (ROOT / "src" / "darse").rglob("*.py"):
        if SERVERS.isdisjoint(file.parents):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            used = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
            rooms = tuple(f"darse.{room.name}" for room in SERVERS)
            assert not [node for node in used if (node.module or "").startswith(rooms)], file
