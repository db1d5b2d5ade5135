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


def imported(*, at_once: bool) -> set[str]:
    """Top-level names of the packages from outside that a module imports at once, or first where it uses them."""
    return {
        name
        for file in (ROOT / "src" / "darse").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom) and (node.col_offset == 0) == at_once
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


@pytest.mark.parametrize("at_once", [True, False])
def test_every_imported_package_is_a_declared_dependency(at_once: bool) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {plain(one) for one in project["dependencies"]}
    if not at_once:  # an extra's package is imported where it is used, and a missing one is told
        declared |= {plain(one) for one in project["optional-dependencies"]["onnx"]}
    providers = importlib.metadata.packages_distributions()
    outside = imported(at_once=at_once)
    assert len(outside) > 4
    # what declared packages cannot be without: transformers, pydantic, jinja2, huggingface-hub
    declared |= {"huggingface-hub", "tokenizers", "pydantic-core", "markupsafe", "pyyaml"}
    missing = {name for name in outside if not {plain(one) for one in providers.get(name, [name])} & declared}
    assert missing == set()
