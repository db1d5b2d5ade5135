"""What `darse sites` prints for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from darse.cli.main import run
from tests.tiny import save_model


@pytest.mark.parametrize(
    ("granularity", "names"),
    [("layer", [f"layer {place}" for place in range(4)]), ("group:2", ["layers 0-1", "layers 2-3"])],
)
def test_every_site_is_printed_with_its_weights_and_what_a_rank_costs_in_it(
    granularity: str, names: list[str], tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sites", str(tiny_bert), "--granularity", granularity]) == 0
    head, *parts = capsys.readouterr().out.strip().split("\n\n")
    *sites, total = parts
    parameters = int(head.removeprefix(f"{tiny_bert}: ").split()[0].replace(",", ""))
    assert head == f"{tiny_bert}: {parameters:,} parameters, {len(names)} sites"
    layers = 4 // len(names)
    cost = 224 * layers
    for site, name in zip(sites, names, strict=True):
        first, *weights = site.splitlines()
        assert first == f"{name}: a rank costs {cost:,} parameters ({cost / parameters:.3%}), at most rank 16"
        shapes = [tuple(map(int, line.split("  ")[-1].split(" -> "))) for line in weights]
        assert sum(map(sum, shapes)) == cost
        assert len(weights) == 6 * layers
        assert all(line.startswith("  bert.encoder.layer.") for line in weights)
    assert total == f"uniform rank 8 costs {8 * 896:,} parameters ({8 * 896 / parameters:.2%})"


def test_a_model_of_shared_layers_is_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sites", str(save_model("albert", tmp_path / "albert"))]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    (line,) = captured.err.splitlines()
    assert "share" in line
