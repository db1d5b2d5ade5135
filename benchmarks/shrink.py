"""An adapter of plain PEFT on the demo set, audited and shrunk; and how long an audit of a 7B model's adapter takes.

python benchmarks/shrink.py prints what docs/shrink.md shows (about five minutes on two cores).
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from pathlib import Path

import torch
from peft import LoraConfig, TaskType, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification

from darse.cli.main import run
from darse.data.example import Example
from darse.data.load import load_labelled
from darse.data.write import write_rows
from darse.model.audit import audit
from darse.model.base import find_base
from darse.model.peft_adapter import read_peft_adapter
from darse.settings import DataSettings
from darse.train.batches import training_batches
from darse.train.encode import encode

EPOCHS = 3
WIDTHS = {
    "self_attn.q_proj": (4096, 4096),
    "self_attn.k_proj": (4096, 4096),
    "self_attn.v_proj": (4096, 4096),
    "self_attn.o_proj": (4096, 4096),
    "mlp.gate_proj": (11008, 4096),
    "mlp.up_proj": (11008, 4096),
    "mlp.down_proj": (4096, 11008),
}


def train_plainly(folder: Path) -> None:
    """Half of the demo set for an adapter of plain PEFT, rank 16 on query and value; the other half to shrink it on."""
    data = load_labelled("demo", DataSettings(label="label"), seed=0)
    rows = [*data.train, *data.valid, *data.test]
    half = len(rows) // 2
    base = find_base("minilm")
    encoded = encode(base.tokenizer, data.task, rows[:half], 64)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(str(base.folder), num_labels=len(data.task.classes))
    lora = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=16,
        lora_alpha=32,
        target_modules=["query", "value"],
        modules_to_save=["classifier"],
    )
    model = get_peft_model(model, lora)
    parameters = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3)
    for epoch in range(EPOCHS):
        for batch in training_batches(encoded.lengths, batch_size=16, seed=0, epoch=epoch):
            logits = model(**encoded.batch(batch.tolist())).logits
            torch.autograd.backward(torch.nn.functional.cross_entropy(logits, encoded.labels[batch]))
            optimizer.step()
            optimizer.zero_grad()
    model.peft_config["default"].base_model_name_or_path = "minilm"
    model.save_pretrained(str(folder / "my-adapter"))
    write_rows(folder / "held-out.csv", ["text", "label"], [_row(one, data.task.classes) for one in rows[half:]])
    print("labels in the order of the head:", ",".join(data.task.classes))


def _row(one: Example, classes: tuple[str, ...]) -> dict[str, str]:
    assert one.label is not None
    return {"text": one.text, "label": classes[one.label]}


def time_large_audit(folder: Path) -> None:
    """32 layers x 7 modules of rank 64, as of a 7B model, random values in bfloat16."""
    tensors = {}
    for layer in range(32):
        for name, (d_out, d_in) in WIDTHS.items():
            key = f"base_model.model.model.layers.{layer}.{name}"
            tensors[f"{key}.lora_A.weight"] = torch.randn(64, d_in).bfloat16()
            tensors[f"{key}.lora_B.weight"] = torch.randn(d_out, 64).bfloat16()
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 64, "lora_alpha": 16}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    began = time.perf_counter()
    adapter = read_peft_adapter(folder)
    read = time.perf_counter()
    found = audit(adapter, "large")
    done = time.perf_counter()
    print(
        f"{len(found.modules)} modules, {found.parameters:,} parameters: read in {read - began:.1f} s, taken apart in "
        f"{done - read:.1f} s with {torch.get_num_threads()} threads"
    )


def main() -> None:
    """Print everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train_plainly(folder)
        labels = "negative,neutral,positive"
        with contextlib.chdir(folder):
            run(["audit", "my-adapter"])
            began = time.perf_counter()
            run(["shrink", "my-adapter", "--data", "held-out.csv", "--labels", labels])
            print(f"{time.perf_counter() - began:.0f} s")
    with tempfile.TemporaryDirectory() as name:
        time_large_audit(Path(name))


if __name__ == "__main__":
    main()
