"""I9: hostile names in every argument that takes one are an error or a harmless name; nothing outside is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from darse.cli.main import run
from tests.conftest import SmallStudy

NAMES = (
    "..",
    "../..",
    "../../etc/passwd",
    "./../x",
    "a/../../x",
    "%2e%2e",
    "%2e%2e%2fetc",
    "..%2f..%2fetc%2fpasswd",
    "%252e%252e",
    "..\\",
    "..\\..\\windows",
    "\\\\server\\share",
    "//server/share",
    "C:\\x",
    "C:x",
    "CON",
    "NUL",
    "COM1",
    "aux.txt",
    "nul.csv",
    "\uff0e\uff0e",
    "\uff0e\uff0e\uff0fx",
    "\u2025",
    "\u2024\u2024",
    "x" * 255,
    "x" * 4096,
    "é" * 3000,
    "/" * 300,
    "",
    " ",
    ".",
    "~",
    "~root",
    "$HOME",
    "`id`",
    "$(id)",
    "; id",
    "| id",
    "&& id",
    "--help",
    "-",
    "-rf",
    "*",
    "?",
    "{a,b}",
    "a\nb",
    "a\rb",
    "a\tb",
    "\x1b[31mred",
    "\x7f",
    "\u202egnp.exe",
    "\u200b",
    "\ufeffx",
    "\ud800",
    "http://127.0.0.1:9/x",
    "file:///etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "/proc/self/environ",
    "sqlite:////etc/passwd",
)
ARGUMENTS: dict[str, Callable[[str, Path, Path], list[str]]] = {
    "explore FILE": lambda name, study, out: ["explore", name, "--out", str(out)],
    "explore --model": lambda name, study, out: ["explore", "absent.csv", "--model", name, "--out", str(out)],
    "score ADAPTER": lambda name, study, out: ["score", name, "--text", "x"],
    "score --base": lambda name, study, out: ["score", str(out), "--text", "x", "--base", name],
    "export FOLDER": lambda name, study, out: ["export", name],
    "export --plan": lambda name, study, out: ["export", str(study), "--plan", name, "-o", str(out)],
    "export --study": lambda name, study, out: ["export", str(study), "--study", name, "-o", str(out)],
    "export --base": lambda name, study, out: ["export", str(study), "--base", name, "-o", str(out)],
    "report FOLDER": lambda name, study, out: ["report", name, "-o", str(out)],
    "report --study": lambda name, study, out: ["report", str(study), "--study", name, "-o", str(out)],
    "studies FOLDER": lambda name, study, out: ["studies", name],
    "studies --store": lambda name, study, out: ["studies", str(study), "--store", name],
    "sites MODEL": lambda name, study, out: ["sites", name],
    "audit ADAPTER": lambda name, study, out: ["audit", name],
    "eval ADAPTER": lambda name, study, out: ["eval", name, "--data", "demo"],
    "shrink --data": lambda name, study, out: ["shrink", str(out), "--data", name],
}


def test_there_are_sixty_names() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 60


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_a_hostile_name_is_one_line_and_touches_nothing_outside(
    argument: str,
    small_study: SmallStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    before = _all_below(tmp_path, inner)
    problems = []
    for name in NAMES:
        given = ARGUMENTS[argument](name, small_study.folder, inner / "out")
        code = run(given)
        said = capfd.readouterr()
        is_short = len(said.err.strip().splitlines()) <= 3
        is_quiet = "Traceback" not in said.err and "root:x:" not in said.err + said.out
        if code not in {0, 2, 3} or not is_short or not is_quiet:
            problems.append((name[:40], code, said.err[-300:]))
    assert not problems
    assert _all_below(tmp_path, inner) == before


def _all_below(folder: Path, but: Path) -> set[str]:
    """Every path below a folder, those below another left out."""
    return {str(path) for path in folder.rglob("*") if but not in path.parents}
