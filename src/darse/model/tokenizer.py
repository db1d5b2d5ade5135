"""A tokenizer to one that gives its model what the model can take."""

from __future__ import annotations

from pathlib import Path

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from darse.errors import ModelError
from darse.model.loading import loading
from darse.names import printable

_COUNTED_FROM_PAD = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "roberta-prelayernorm"}
)
_SHORTEST_LIMIT = 8


def fit_tokenizer(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, folder: Path) -> None:
    """Make a tokenizer give the model what it can take, also for who loads it from an exported folder.

    Args:
        tokenizer: Gets a pad token, padding on the right (decoders are read at the last token), no token types for
            a model that has fewer than two, and the model's number of positions as its longest text.
        config: Of the model.
        folder: Where both come from.

    Raises:
        ModelError: The tokenizer takes no pad token, or no text of a useful length.
    """
    if not isinstance(tokenizer.model_max_length, int | float):
        found = printable(repr(tokenizer.model_max_length))
        raise ModelError(f"{folder}: the tokenizer's model_max_length {found} is no number; download it again")
    if tokenizer.pad_token is None:
        with loading(folder, "tokenizer"):
            if isinstance(config.pad_token_id, int):
                tokenizer.pad_token = tokenizer.convert_ids_to_tokens(config.pad_token_id)
            if tokenizer.pad_token is None:
                tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = "right"
    tokenizer.truncation_side = "right"
    has_types = (getattr(config, "type_vocab_size", None) or 0) > 1 and "token_type_ids" in tokenizer.model_input_names
    tokenizer.model_input_names = ["input_ids", *(["token_type_ids"] if has_types else []), "attention_mask"]
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        # RoBERTa and its kin count positions from the pad token's number on
        taken = (config.pad_token_id or 0) + 1 if config.model_type in _COUNTED_FROM_PAD else 0
        tokenizer.model_max_length = min(tokenizer.model_max_length, positions - taken)
    if not tokenizer.model_max_length >= _SHORTEST_LIMIT:
        raise ModelError(
            f"{folder}: the tokenizer cuts texts to {tokenizer.model_max_length} tokens, which say nothing; "
            "download it again"
        )
