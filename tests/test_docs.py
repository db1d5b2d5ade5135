"""The pages of the documentation: what they name exists."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
import typer

from darse.cli.verbs import app
from darse.data.example import DataCheck
from tests.report.samples import Shape, a_result

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_OTHER_PROGRAMS = frozenset({"--strict"})
"""Options of mypy and the like, which pages name as well."""
_GLOBAL = frozenset({"--debug", "--help", "--install-completion", "--version"})
_MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:work|home|root|Users|tmp|usr|opt|mnt|etc|var)/|\b[A-Z]:\\|file://")
_REGISTRY = re.compile(
    r"https?://(?:download|index|mirror|files|registry)s?\.|--(?:extra-)?index-url|--find-links",
    re.IGNORECASE,
)


_INDEX = "https://packages.example/cpu"


@cache
def documented_options() -> dict[str, frozenset[str]]:
    """Options by verb, as the command line has them."""
    group = typer.main.get_command(app)
    verbs = getattr(group, "commands")  # noqa: B009 - a group has them; the base class does not say so
    return {
        name: frozenset(one for part in verb.params for one in (*part.opts, *part.secondary_opts))
        for name, verb in verbs.items()
    }


def _commands(text: str) -> list[str]:
    """Every `darse VERB ...` in indented or fenced blocks and in inline code."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    for language, block in _FENCE.findall(text):
        lines += block.splitlines() if language in {"", "sh", "bash", "console"} else []
    lines += _INLINE.findall(_FENCE.sub("", text))
    return [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("darse ")]


def _flags(words: list[str]) -> list[str]:
    return [word.split("=")[0] for word in words if re.fullmatch(r"--?[a-z][\w-]*(=.*)?", word)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_page_has_a_verb_and_options_that_exist(page: Path) -> None:
    options = documented_options()
    for command in _commands(page.read_text(encoding="utf-8")):
        words = shlex.split(command, comments=True)[1:]
        if words[0].startswith("-"):
            assert words[0] in _GLOBAL, command
            continue
        assert words[0] in options, command
        unknown = set(_flags(words[1:])) - options[words[0]] - _GLOBAL
        assert not unknown, f"{command}: darse {words[0]} has no {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_long_option_named_in_a_page_exists(page: Path) -> None:
    known = frozenset().union(*documented_options().values()) | _GLOBAL | _OTHER_PROGRAMS
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    named = {flag for code in _INLINE.findall(text) for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)}
    assert named <= known, f"{page.name} names {sorted(named - known)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {_slug(heading) for heading in headings}, f"{page.name} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_path_of_a_machine_or_the_host_of_a_registry(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not _MACHINE_PATH.search(text)
    assert not _REGISTRY.search(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_of_a_page_is_python(page: Path) -> None:
    for language, block in _FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            compile(block, page.name, "exec")


def test_the_fields_described_for_the_verdict_are_those_that_are_written() -> None:
    written = a_result().verdict_json()
    assert _fields("## verdict.json") == list(written)


def test_the_fields_described_for_a_control_are_those_that_are_written() -> None:
    controls = a_result().verdict_json()["controls"]
    assert isinstance(controls, list)
    assert _fields("### Each of the controls") == list(controls[0])


def test_the_fields_described_for_the_data_check_are_those_that_are_written() -> None:
    assert _fields("## data-check.json") == [field.name for field in fields(DataCheck)]


def test_every_metric_that_is_written_is_described() -> None:
    section = _section("### Metrics")
    joint = a_result(Shape(classes=("bad", "good"))).verdict_json()["test"]
    assert isinstance(joint, dict)
    assert set(joint) <= set(_INLINE.findall(section))


def test_the_index_lists_every_page_once() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[([\w.-]+)\]\(\1\)", index, re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name != "index.md")


def test_the_file_tree_of_the_readme_lists_every_module_and_nothing_that_is_not_there() -> None:
    _, _, tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## The file tree\n")
    lines = re.findall(r"^( {4}| {6})(\S+)", tree, re.MULTILINE)
    package = {name.rstrip("/") for indent, name in lines if len(indent) == 6}
    assert package == {path.name for path in (ROOT / "src" / "darse").iterdir() if path.name != "__pycache__"}
    assert all((ROOT / name).exists() for indent, name in lines if len(indent) == 4)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("index", ["", _INDEX])
def test_the_makefile_takes_torch_from_the_index_that_is_named(index: str) -> None:
    command = ["make", "--dry-run", "--always-make", "demo", f"TORCH_INDEX={index}"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    installs = [line for line in said.splitlines() if "pip install" in line]
    assert [f"--index-url {_INDEX} torch" in line for line in installs] == ([True, False] if index else [False])
    assert all("--constraint constraints.txt" in line for line in installs)


def _section(heading: str) -> str:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    _, _, after = text.partition(f"\n{heading}\n")
    assert after, f"formats.md has no {heading}"
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


def _fields(heading: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", _section(heading), re.MULTILINE)


def _slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.casefold()).strip().replace(" ", "-")
