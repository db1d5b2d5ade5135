"""How exactly a linear map's products are computed while adapters train and cuts are compared."""

from __future__ import annotations

import torch

from darse.settings import Settings, TrainSettings


def resolved(settings: Settings) -> Settings:
    """Settings whose precision `auto` is what this machine's processor is best at.

    A study keeps the answer: continued on another kind of processor it is another study, and says so.
    """
    train = settings.train
    if train.precision != "auto":
        return settings
    precision = "bfloat16" if multiplies_bfloat16() else "float32"
    return settings.model_copy(update={"train": train.model_copy(update={"precision": precision})})


def dtype_of(settings: TrainSettings) -> torch.dtype:
    """The type of the products, once the precision is resolved."""
    return torch.bfloat16 if settings.precision == "bfloat16" else torch.float32


def multiplies_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 by itself; where it is emulated, it is slower than float32.

    Only x86 processors are asked: torch calls an ARM processor's own kind `bf16` and `sve_bf16`, and how fast training
    is there has not been measured. A torch that cannot say counts as no.
    """
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
