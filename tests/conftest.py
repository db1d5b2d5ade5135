"""What several tests stand on: a tiny base model, and one small finished study that nobody changes."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from tests.labelled import labelled_rows
from tests.postgres import binaries, running_server

# no test asserts a time: a busy machine is no fault of the code
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.register_profile("long", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "untimed"))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT as a local folder."""
    from tests.tiny import save_model

    return save_model("bert", tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL server, once for all tests of this process."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with running_server(programs) as address:
        yield address


@dataclass(frozen=True)
class SmallStudy:
    """A finished study: its folder, and the options that made it."""

    folder: Path
    source: Path
    options: Sequence[str]


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> SmallStudy:
    """A joint study (score and class) run through the command line, once for all tests of this process."""
    from darse.cli.main import run
    from darse.data.write import write_rows

    root = tmp_path_factory.mktemp("study")
    source = root / "reviews.csv"
    rows = labelled_rows(150)
    write_rows(source, list(rows[0]), rows)
    options = ["--model", str(tiny_bert), "--seeds", "2", "--epochs", "2", "--max-rank", "4", "--quiet"]
    options += ["--learning-rate", "3e-3", "--out", str(root / "out")]
    assert run(["explore", str(source), *options]) == 0
    return SmallStudy(root / "out", source, options)
