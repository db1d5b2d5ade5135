"""Where `darse shrink` puts what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from darse.cli.shrink import shrunk_folder


@pytest.mark.parametrize(
    ("adapter", "folder"),
    [
        ("my-adapter", "darse-shrunk-my-adapter"),
        ("runs/my-adapter/", "darse-shrunk-my-adapter"),
        ("owner/finbert-lora", "darse-shrunk-finbert-lora"),
        ("darse-reviews/adapter", "darse-shrunk-reviews"),
        ("darse-headlines/adapter/", "darse-shrunk-headlines"),
        ("darse-reviews/adapter-best-uniform-native", "darse-shrunk-reviews-best-uniform-native"),
        ("studies/tickets/adapter", "darse-shrunk-tickets"),
        ("darse-shrunk-reviews/adapter", "darse-shrunk-shrunk-reviews"),
        ("adapter", "darse-shrunk-here"),
        (".", "darse-shrunk-here"),
        ("../adapter", "darse-shrunk-above"),
        ("/adapter", "darse-shrunk-adapter"),
    ],
)
def test_an_adapter_that_is_called_adapter_goes_by_the_name_of_its_study(
    adapter: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "above" / "darse-here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "above" / "darse-here")
    assert shrunk_folder(adapter) == Path(folder)
