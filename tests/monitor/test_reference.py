"""The sample that an adapter comes with: made at the end of a study, in every export, and read with care."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from darse.api import open_study
from darse.errors import AdapterError
from darse.files import sha256_of_file, write_json
from darse.model.manifest import MANIFEST, REFERENCE_FILE, seal
from darse.monitor.drift import compare
from darse.monitor.reference import reference_of
from darse.score.scorer import AdapterScorer
from darse.settings import Profile
from tests.conftest import SmallStudy


@pytest.mark.parametrize("profile", ["native", "merged"])
def test_an_adapter_tells_what_it_says_of_rows_that_it_has_not_learned_from(
    small_study: SmallStudy, tmp_path: Path, profile: Profile
) -> None:
    own = reference_of(small_study.folder / "adapter")
    exported = reference_of(open_study(small_study.folder).export(tmp_path / "again", profile))
    assert own is not None
    assert exported is not None
    assert own.as_json() == exported.as_json()
    rows = json.loads((small_study.folder / "data-check.json").read_text())["split_rows"]
    assert len(own) == rows["valid"] + rows["test"]


def test_what_the_adapter_says_now_is_what_the_sample_tells(small_study: SmallStudy) -> None:
    sample = reference_of(small_study.folder / "adapter")
    assert sample is not None
    scorer = AdapterScorer.open(small_study.folder / "adapter")
    assert set(sample.label.tolist()) <= set(scorer.task.classes)
    assert sample.confidence.min() >= 1 / len(scorer.task.classes)
    assert compare(sample, sample) != [] or len(sample) < 30


def with_reference(adapter: Path, folder: Path, content: bytes) -> Path:
    shutil.copytree(adapter, folder)
    (folder / REFERENCE_FILE).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][REFERENCE_FILE] = sha256_of_file(folder / REFERENCE_FILE)
    write_json(folder / MANIFEST, manifest | {"seal": seal(manifest)})
    return folder


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"[" * 100_000, b'{"label": NaN}', b"\xff", b" " * (9 << 20)])
def test_a_forged_sample_is_refused_in_one_line(small_study: SmallStudy, tmp_path: Path, content: bytes) -> None:
    forged = with_reference(small_study.folder / "adapter", tmp_path / "forged", content)
    with pytest.raises(AdapterError, match=r"reference\.json is damaged; export the adapter again"):
        reference_of(forged)
