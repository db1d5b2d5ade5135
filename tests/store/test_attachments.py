"""What a study keeps under a name is found again, also what earlier versions kept."""

from __future__ import annotations

from pathlib import Path

from darse.store.attachments import all_attached, attach, attached
from darse.store.open import open_store

from .samples import STUDY, a_record


def test_an_artifact_under_a_name_is_found_again_and_the_later_one_counts(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        store.register_study(a_record())
        store.put_finding(STUDY, "verify", {"plan": [1, 2]})
        assert attached(store, STUDY, "result") is attached(store, STUDY, "verify") is None
        for digest in ("a", "b"):
            attach(store, STUDY, "result", digest)
        assert attached(store, STUDY, "result") == "b"
        assert all_attached(store, STUDY) == {"b"}


def test_logits_that_earlier_versions_kept_are_found(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        store.register_study(a_record())
        store.put_finding(STUDY, "test 12", {"logits": "c"})
        assert attached(store, STUDY, "test 12") == "c"
        assert all_attached(store, STUDY) == {"c"}
