"""The built wheel in an environment of its own: it holds everything that the product needs to run."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources so that nothing is left in the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for path in (ROOT / "src").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path):
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("darse-*.whl")
    return built


def test_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    package = ROOT / "src" / "darse"
    kinds = {".py", ".csv", ".html", ".css", ".js", ".md", ".typed"}
    wanted = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and (path.suffix in kinds or path.name == "py.typed")
    }
    with zipfile.ZipFile(wheel) as archive:
        assert wanted <= set(archive.namelist())


@pytest.mark.slow
def test_installed_wheel_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    binaries = environment / "bin"
    # the heavy packages come from this environment; only darse itself is installed anew
    sites = subprocess.run(
        [str(binaries / "python"), "-c", "import site; print(site.getsitepackages()[0])"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (Path(sites) / "borrowed.pth").write_text(f"import sys; sys.path.append({here!r})\n", encoding="utf-8")
    command = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    place = [str(binaries / "python"), "-c", "import darse; print(darse.__file__)"]
    found = subprocess.run(place, check=True, capture_output=True, text=True, cwd=tmp_path, env=variables).stdout
    assert str(environment) in found
    options = ["--seeds", "2", "--epochs", "1", "--max-rank", "1", "--learning-rate", "1e-3", "--max-trials", "2"]
    demo = [str(binaries / "darse"), "explore", "demo", "--quiet", "--out", "study", *options]
    subprocess.run(demo, check=True, cwd=tmp_path, env=variables, timeout=600)
    assert (tmp_path / "study" / "adapter" / "darse.json").is_file()
