"""Every package that the product imports is named as a dependency, so that a fresh environment has it."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def imported() -> Iterator[str]:
    """Top-level names of all imports in the package, those inside of functions included."""
    for file in (ROOT / "src" / "darse").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (one.name.split(".")[0] for one in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                yield node.module.split(".")[0]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", name)[0]).lower()


def test_every_imported_package_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {plain(one) for one in project["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    outside = {name for name in imported() if name not in sys.stdlib_module_names and name != "darse"}
    assert len(outside) > 10
    # what declared packages cannot be without: transformers, pydantic, jinja2, huggingface-hub
    declared |= {"huggingface-hub", "tokenizers", "pydantic-core", "markupsafe", "pyyaml"}
    missing = {name for name in outside if not {plain(one) for one in providers.get(name, [name])} & declared}
    assert missing == set()
