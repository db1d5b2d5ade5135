"""RELIABILITY I8: nothing in the package runs code from a file or a shell (SECURITY.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import darse

PACKAGE = Path(darse.__file__).parent
MODULES = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "torch.load",
    "torch.jit.load",
    "numpy.load",
    "np.load",
    "yaml.load",
    "yaml.unsafe_load",
}


def banned(source: str) -> list[str]:
    """What a source does that the package never does."""
    return [found for node in ast.walk(ast.parse(source)) for found in _banned_in(node)]


def _banned_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names if one.name.split(".")[0] in MODULES)
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
        yield str(node.module)
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name in CALLS:
            yield name
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if given.get("shell") == "True" or given.get("allow_pickle") == "True":
            yield f"{name} with {given}"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "eval('1')",
        "subprocess.run(command, shell=True)",
        "np.load(path)",
        "yaml.load(text)",
        "x = load(path, allow_pickle=True)",
    ],
)
def test_a_banned_call_is_seen(source: str) -> None:
    assert banned(source)


def test_the_package_makes_no_banned_call() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    found = {str(file.relative_to(PACKAGE)): banned(file.read_text(encoding="utf-8")) for file in files}
    assert {name: calls for name, calls in found.items() if calls} == {}
