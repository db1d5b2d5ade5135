"""What PEFT calls the files of an adapter, and the values in them."""

from __future__ import annotations

CONFIG_FILE = "adapter_config.json"
ADAPTER_FILE = "adapter_model.safetensors"
KEY_PREFIX = "base_model.model."
"""Before the full name of a module in the base model."""
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
"""Behind that name: the two halves of a low-rank pair."""
