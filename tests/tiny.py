"""Tiny random models of every supported architecture, saved as a hub folder would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedConfig, PreTrainedTokenizerFast

from darse.model.loading import quiet

VOCABULARY = 300
DEPTH = 4
_WORDS = (
    "profit loss rises falls sharply good bad poor great terrible service the a of in not never quarter company "
    "delivery late early broken excellent awful fine neutral report update margin slips gains shares up down no"
)


def save_tokenizer(folder: Path, *, pad: str | None = "[PAD]", pairs: bool = True) -> None:
    """A small word tokenizer; without `pad` it is like a decoder's, with an end token and no pad token."""
    # written out, not trained: training gives another vocabulary in every process
    pieces = [*"abcdefghijklmnopqrstuvwxyz0123456789.,!?-'%"]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "</s>", *_WORDS.split(), *pieces, *(f"##{one}" for one in pieces)]
    vocabulary = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
    assert len(vocabulary) <= VOCABULARY
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "</s>"])
    if pairs:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
    names = {"pad_token": pad, "unk_token": "[UNK]", "eos_token": "</s>"}
    if pairs:
        names |= {"cls_token": "[CLS]", "sep_token": "[SEP]"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"] if pairs else ["input_ids", "attention_mask"]
    side = "right" if pairs else "left"  # decoders often come with padding on the left
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, model_input_names=inputs, padding_side=side, **names
    )
    fast.save_pretrained(folder)


def _encoder(**extra: object) -> dict[str, object]:
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 80,
        "pad_token_id": 0,
    } | extra


def _decoder(**extra: object) -> dict[str, object]:
    return _encoder(num_key_value_heads=1, bos_token_id=2, eos_token_id=4, **extra) | {"pad_token_id": None}


ARCHITECTURES: dict[str, Callable[[], PreTrainedConfig]] = {
    "bert": lambda: transformers.BertConfig(**_encoder()),
    "roberta": lambda: transformers.RobertaConfig(**_encoder(type_vocab_size=1)),
    "xlm-roberta": lambda: transformers.XLMRobertaConfig(**_encoder(type_vocab_size=1)),
    "deberta-v2": lambda: transformers.DebertaV2Config(
        **_encoder(type_vocab_size=2, relative_attention=True, pos_att_type=["p2c", "c2p"], pooler_hidden_size=16)
    ),
    "deberta-v3": lambda: transformers.DebertaV2Config(
        **_encoder(
            type_vocab_size=0,
            relative_attention=True,
            pos_att_type=["p2c", "c2p"],
            pooler_hidden_size=16,
            position_buckets=8,
            norm_rel_ebd="layer_norm",
            share_att_key=True,
            position_biased_input=False,
        )
    ),
    "distilbert": lambda: transformers.DistilBertConfig(
        vocab_size=VOCABULARY, dim=16, n_layers=DEPTH, n_heads=2, hidden_dim=32, max_position_embeddings=80
    ),
    "modernbert": lambda: transformers.ModernBertConfig(
        **_encoder(cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3, global_attn_every_n_layers=2)
    ),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=16, n_layer=DEPTH, n_head=2, n_positions=80, bos_token_id=2, eos_token_id=4
    ),
    "llama": lambda: transformers.LlamaConfig(**_decoder()),
    "qwen2": lambda: transformers.Qwen2Config(**_decoder()),
    "qwen3": lambda: transformers.Qwen3Config(**_decoder(head_dim=8)),
    "mistral": lambda: transformers.MistralConfig(**_decoder(head_dim=8)),
    "gemma": lambda: transformers.GemmaConfig(**_decoder(head_dim=8)),
    "gemma2": lambda: transformers.Gemma2Config(**_decoder(head_dim=8)),
}
SHARED: dict[str, Callable[[], PreTrainedConfig]] = {
    "albert": lambda: transformers.AlbertConfig(**_encoder(embedding_size=8, num_hidden_groups=1))
}
DECODERS = frozenset({"gpt2", "llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2"})


def save_model(
    kind: str, folder: Path, *, depth: int = DEPTH, shard_bytes: int = 1 << 30, has_pooler: bool = True
) -> Path:
    """Write a tiny random model without a classification head, with its tokenizer; the same values every time.

    Args:
        kind: One of `ARCHITECTURES`, or of `SHARED`, whose layers share their weights.
        folder: Where.
        depth: Layers; other than the default only for architectures without a list of layer types.
        shard_bytes: Largest weights file.
        has_pooler: Whether a BERT keeps its pooler.
    """
    config = (ARCHITECTURES | SHARED)[kind]()
    config.num_hidden_layers = depth
    extra = {} if has_pooler else {"add_pooling_layer": False}
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        model = transformers.AutoModel.from_config(config, **extra)
        # wider than the usual 0.02, so that inputs of different words give clearly different outputs
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 or name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
        model.save_pretrained(folder, max_shard_size=shard_bytes)
    save_tokenizer(folder, pad=None if kind in DECODERS else "[PAD]", pairs=kind not in DECODERS)
    return folder
