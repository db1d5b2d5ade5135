"""RELIABILITY I8: nothing in the package runs code from a file or a shell (SECURITY.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import darse

PACKAGE = Path(darse.__file__).parent
MODULES = {"pickle", "_pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal", "code"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "torch.load",
    "torch.jit.load",
    "torch.hub.load",
    "numpy.load",
    "pandas.read_pickle",
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.unsafe_load",
}
OPTIONS = {"shell", "allow_pickle"}


def banned(source: str) -> list[str]:
    """What a source does that the package never does."""
    tree = ast.parse(source)
    names = dict(pair for node in ast.walk(tree) for pair in _bound_by(node))
    return [found for node in ast.walk(tree) for found in _banned_in(node, names)]


def _bound_by(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that an import binds here, with what they stand for."""
    if isinstance(node, ast.Import):
        yield from ((one.asname, one.name) for one in node.names if one.asname)
    if isinstance(node, ast.ImportFrom):
        yield from ((one.asname or one.name, f"{node.module}.{one.name}") for one in node.names)


def _banned_in(node: ast.AST, names: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names if one.name.split(".")[0] in MODULES)
    if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] in MODULES:
        yield str(node.module)
    if isinstance(node, ast.Name | ast.Attribute):
        # also where it is not called here: `read = torch.load`
        first, *rest = ast.unparse(node).removeprefix("builtins.").split(".")
        if (name := ".".join([names.get(first, first), *rest])) in CALLS:
            yield name
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            is_off = isinstance(keyword.value, ast.Constant) and not keyword.value.value
            if keyword.arg in OPTIONS and not is_off:
                yield f"{keyword.arg}={ast.unparse(keyword.value)}"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import pickle as p",
        "def f():\n    from joblib import load",
        "torch.load(path)",
        "from torch import load\nload(path)",
        "import torch as t\nt.load(path)",
        "read = torch.load",
        "eval('1')",
        "builtins.exec('1')",
        "list(map(eval, texts))",
        "os.system('ls')",
        "from os import system as go\ngo('ls')",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=wanted)",
        "import numpy as np\nnp.load(path)",
        "yaml.load(text)",
        "from yaml import load\nload(text)",
        "x = load(path, allow_pickle=True)",
    ],
)
def test_a_banned_call_is_seen(source: str) -> None:
    assert banned(source)


@pytest.mark.parametrize(
    "source",
    [
        "yaml.safe_load(text)",
        "json.load(file)",
        "model.eval()",
        "re.compile('a')",
        "from safetensors.torch import load\nload(content)",
        "subprocess.run(command, shell=False)",
        "from .code import x",
    ],
)
def test_what_runs_no_code_is_no_banned_call(source: str) -> None:
    assert not banned(source)


def test_the_package_makes_no_banned_call() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    found = {str(file.relative_to(PACKAGE)): banned(file.read_text(encoding="utf-8")) for file in files}
    assert {name: calls for name, calls in found.items() if calls} == {}
