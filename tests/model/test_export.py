"""The export contract: what plain `peft` and `transformers` make of an exported folder is what was trained."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoTokenizer

from darse.data.example import Task
from darse.model.adapter import write_adapter
from darse.model.reload import load_adapter
from darse.settings import Profile
from darse.train.predict import predict
from tests.tiny import ARCHITECTURES, DECODERS, save_model

from .samples import CLASSES, JOINT, MAX_LENGTH, SCORE, Setup, set_up, train_shortly

TOLERANCE = 1e-5
PROGRAM = Path(__file__).with_name("plain_reload.py")


@dataclass(frozen=True)
class Case:
    """A task and a plan, and the profiles in which the trained adapter is written."""

    task: Task
    plan: tuple[int, ...]
    profiles: tuple[Profile, ...]
    granularity: str = "layer"


CASES: Mapping[str, Case] = {
    "classes, mixed ranks with zeros": Case(CLASSES, (0, 3, 1, 0), ("native", "padded", "merged")),
    "score, one site": Case(SCORE, (0, 5), ("native",), "group:2"),
    "both, a rank per module": Case(JOINT, (), ("native", "padded", "merged"), "module"),
    "classes, all zeros": Case(CLASSES, (0, 0, 0, 0), ("native", "padded", "merged")),
}


@dataclass(frozen=True)
class Exported:
    """One exported folder, and the logits that it has to give."""

    kind: str
    case: str
    profile: Profile
    setup: Setup
    folder: Path
    logits: Tensor

    def job(self) -> dict[str, object]:
        rows = self.setup.examples
        texts = [[row.text for row in rows]]
        if self.setup.task.has_target:
            texts = [[row.target or "" for row in rows], *texts]
        return {
            "base": str(self.setup.base.folder),
            "adapter": str(self.folder),
            "profile": self.profile,
            "outputs": self.setup.task.outputs,
            "texts": texts,
            "max_length": MAX_LENGTH,
        }


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Exported, ...]:
    """Every architecture, case and profile, trained and written."""
    root = tmp_path_factory.mktemp("exports")
    made: list[Exported] = []
    for kind in ARCHITECTURES:
        folder = save_model(kind, root / kind)
        for number, (name, case) in enumerate(CASES.items()):
            setup = set_up(folder, case.task)
            # a rank from 0 to 3 per module, different within a layer
            plan = case.plan or tuple(index % 4 for index in range(len(setup.weights)))
            trained = train_shortly(setup, setup.fresh(setup.ranks(*plan, granularity=case.granularity)))
            expected = setup.user_logits(trained.weights)
            for profile in case.profiles:
                place = root / f"{kind}-{number}-{profile}"
                write_adapter(setup.export(trained.weights), place, profile, card="# A card")
                made.append(Exported(kind, name, profile, setup, place, expected))
    return tuple(made)


@pytest.fixture(scope="module")
def plain_logits(exported: tuple[Exported, ...]) -> dict[Path, Tensor]:
    """What a program without this package makes of every folder."""
    ended = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=json.dumps([one.job() for one in exported]),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    answers = json.loads(ended.stdout)
    return {one.folder: torch.tensor(answer) for one, answer in zip(exported, answers, strict=True)}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_plain_peft_and_transformers_give_the_trained_logits(
    exported: tuple[Exported, ...], plain_logits: dict[Path, Tensor], kind: str
) -> None:
    differences = {
        (one.case, one.profile): float((plain_logits[one.folder] - one.logits).abs().max())
        for one in exported
        if one.kind == kind
    }
    assert len(differences) == sum(len(case.profiles) for case in CASES.values())
    assert max(differences.values()) < TOLERANCE, differences


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_our_own_loader_gives_the_trained_logits(exported: tuple[Exported, ...], kind: str) -> None:
    for one in exported:
        if one.kind != kind or one.case == "score, one site":
            continue
        loaded = load_adapter(one.folder)
        assert not loaded.model.training
        assert (loaded.manifest.task, loaded.manifest.max_length) == (one.setup.task, MAX_LENGTH)
        assert (predict(loaded.model, one.setup.rows) - one.logits).abs().max() < TOLERANCE, (one.case, one.profile)


def test_the_trained_logits_are_not_those_of_the_base(exported: tuple[Exported, ...]) -> None:
    for one in exported:
        if "zeros" in one.case and "all" in one.case:
            continue
        base = one.setup.user_logits(one.setup.fresh({}))
        assert (base - one.logits).abs().max() > 100 * TOLERANCE, (one.kind, one.case)


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_a_row_has_the_same_logits_alone_and_padded_beside_longer_rows(
    exported: tuple[Exported, ...], kind: str
) -> None:
    one = next(one for one in exported if one.kind == kind)
    assert len(set(one.setup.rows.lengths.tolist())) > 2
    one.setup.model.eval()
    with torch.inference_mode():
        together = one.setup.model(**one.setup.rows.batch(range(12))).logits
        alone = torch.cat([one.setup.model(**one.setup.rows.batch([row])).logits for row in range(12)])
    assert (together - alone).abs().max() < TOLERANCE


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_a_decoder_pads_on_the_right_with_its_end_token_also_for_who_loads_the_export(
    exported: tuple[Exported, ...], kind: str
) -> None:
    one = next(one for one in exported if one.kind == kind)
    written = AutoTokenizer.from_pretrained(one.folder)
    assert (written.padding_side, written.pad_token) == ("right", "</s>")
    assert one.setup.model.config.pad_token_id == written.pad_token_id == 4


def test_a_native_config_names_every_module_in_full_and_matches_no_other(exported: tuple[Exported, ...]) -> None:
    for one in exported:
        if one.profile != "native":
            continue
        config = json.loads((one.folder / "adapter_config.json").read_text())
        targets = config["target_modules"]
        assert set(config["rank_pattern"]) == set(config["alpha_pattern"]) == {re.escape(name) for name in targets}
        modules = [name for name, _ in one.setup.model.named_modules()]
        for pattern in config["rank_pattern"]:
            assert len([name for name in modules if re.match(rf"(.*\.)?({pattern})$", name)]) == 1


def test_exporting_and_merging_leave_the_base_as_it_was(exported: tuple[Exported, ...]) -> None:
    for one in {one.kind: one for one in exported}.values():
        again = one.setup.base.classifier(one.setup.task).state_dict()
        head = one.setup.model.darse_head
        for name, value in one.setup.model.state_dict().items():
            if not name.startswith(head):
                assert torch.equal(value, again[name]), (one.kind, name)
