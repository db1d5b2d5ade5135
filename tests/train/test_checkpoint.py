from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
import torch

from darse.errors import StoreError
from darse.files import sha256_of_bytes
from darse.train.checkpoint import CheckpointFile
from darse.train.loop import Progress, Snapshot
from darse.train.trace import TracePoint


def a_snapshot() -> Snapshot:
    stream = torch.Generator().manual_seed(0)
    points = (TracePoint(1, (0.1, 1 / 3), (0.0, 5e-324), (0.0, 1.0)), TracePoint(2, (1.0, 2.0), (3.0, 4.0), (1.5, 2.0)))
    progress = Progress(2, 5, 0.1 + 0.2, math.inf, 1, ((0.1, 0.3), (1 / 3, 5e-324)), (0.1 + 0.2, 7.0), points)
    return Snapshot(progress, {"now:a": torch.randn(3, 4, generator=stream), "step:a": torch.tensor(7.0)})


def test_a_snapshot_is_read_back_to_the_bit(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "deep" / "run.safetensors")
    assert file.load() is None
    file.save(a_snapshot())
    found = file.load()
    assert found is not None
    assert found.progress == a_snapshot().progress
    assert found.tensors.keys() == a_snapshot().tensors.keys()
    assert all(torch.equal(value, found.tensors[name]) for name, value in a_snapshot().tensors.items())
    file.remove()
    file.remove()
    assert file.load() is None


def test_any_cut_and_any_flipped_bit_counts_as_no_snapshot(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "run.safetensors")
    file.save(a_snapshot())
    whole, chance = file.path.read_bytes(), random.Random(4)
    for size in range(len(whole)):
        file.path.write_bytes(whole[:size])
        assert file.load() is None
    for _ in range(200):
        bit = chance.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file.path.write_bytes(damaged)
        assert file.load() is None


@pytest.mark.parametrize("body", [b"", b"\0" * 8, b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}", b"\x80\x04."])
def test_a_file_of_another_version_with_a_true_digest_counts_as_no_snapshot(tmp_path: Path, body: bytes) -> None:
    file = CheckpointFile(tmp_path / "run.safetensors")
    file.path.write_bytes(sha256_of_bytes(body).encode() + body)
    assert file.load() is None


def test_a_folder_in_its_place_is_no_snapshot_to_read_and_one_clear_error_to_write(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "run.safetensors")
    (file.path / "inner").mkdir(parents=True)
    assert file.load() is None
    with pytest.raises(StoreError, match=r"cannot write .*run\.safetensors"):
        file.save(a_snapshot())
