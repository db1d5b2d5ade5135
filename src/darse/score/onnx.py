"""A classifier to an ONNX file and back: the fastest way through it on a processor that holds to its answers.

The layers multiply in eight bits as far as the labels stay the same (`darse.score.quantise`), else in float32. What was
measured on validation rows is written down, and so are the outputs of a few texts: whoever loads the file elsewhere
finds out whether that processor gives them, too.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from darse.data.example import Task
from darse.errors import AdapterError, MissingExtraError, ModelError
from darse.evaluate.losses import Floats
from darse.files import write_durably
from darse.model.base import Base
from darse.model.folder import check_folder
from darse.model.loading import quiet
from darse.model.manifest import Manifest, manifest_digest, read_manifest
from darse.model.proof import probes
from darse.names import first_line
from darse.score.agreement import Agreement
from darse.score.quantise import EightBitMap, quantised, with_maps
from darse.train.batches import unpadded_batches
from darse.train.encode import Encoded, encode
from darse.train.predict import predict

MODEL_FILE = "model.onnx"
_EXAMPLE_ROWS = 2
_LEFT_IN_FLOAT = (0.0, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4)
"""Parts of the layers' weights that stay in float32 until the answers agree: what changes most for what it saves."""
_CALIBRATION_ROWS = 256
_TOLERANCE = 0.05
"""Part of an output by which another processor may differ: far above what the order of a sum moves in eight bits, far
below what a product that overflows does."""
_SLOW = ["SkipLayerNormFusion", "BiasGeluFusion"]
"""What ONNX Runtime joins to operators of its own that are slower than what they replace."""
_OUTSIDE = b"\x0a\x08location"
"""How an ONNX file begins to say that values lie in another file: ours never do."""


@dataclass(frozen=True)
class Fast:
    """An ONNX model and what was found out about it.

    Attributes:
        content: The file.
        left_in_float: Linear maps of the layers that stay in float32.
        maps: Linear maps of the layers in all.
        agreement: With the exact model on validation rows.
    """

    content: bytes
    left_in_float: int
    maps: int
    agreement: Agreement


def is_installed() -> bool:
    """Whether ONNX files can be run."""
    return find_spec("onnxruntime") is not None


def require_exporter() -> None:
    """See that what exports and runs ONNX is installed, before long work.

    Raises:
        MissingExtraError: It is not.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "or use --profile merged")


class OnnxModel:
    """A classifier that ONNX Runtime runs, one batch on each processor at a time.

    Args:
        content: Of an ONNX file.
        name: Of the file, for errors.

    Raises:
        AdapterError: It is no ONNX file that can be run.
        MissingExtraError: ONNX Runtime is not installed.
    """

    def __init__(self, content: bytes, name: str = MODEL_FILE) -> None:
        if not is_installed():
            raise MissingExtraError("onnxruntime", "onnx", "or use --profile merged")
        if _OUTSIDE in content:
            raise AdapterError(f"{name} asks for values from another file; no export of ours does")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # batches side by side need no thread to wait for another; that is faster than one batch on all of them
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOW
            )
        except Exception as error:  # its own kinds of error have no common one below this
            raise AdapterError(f"{name} cannot be run: {first_line(error)}; export the adapter again") from error
        self.name = f"onnxruntime {onnxruntime.__version__}"
        self._names = {one.name for one in self._session.get_inputs()}
        self._threads = torch.get_num_threads()

    def logits(self, rows: Encoded, check: Callable[[], None] = lambda: None) -> Floats:
        """Logits of every row, shape (rows, outputs), in the order of the rows.

        Args:
            rows: The rows.
            check: Called before every batch is taken; it may raise to stop.
        """
        batches = unpadded_batches(rows.lengths)
        found: list[Floats] = []
        pool = ThreadPoolExecutor(self._threads)
        try:
            for logits in pool.map(lambda batch: self._run(rows, batch.tolist()), batches):
                check()
                found.append(logits)
        finally:
            pool.shutdown(cancel_futures=True)
        table = np.empty((len(rows), found[0].shape[1]))
        table[np.concatenate(batches)] = np.concatenate(found)
        return table

    def _run(self, rows: Encoded, batch: Sequence[int]) -> Floats:
        inputs = {name: value.numpy() for name, value in rows.batch(batch).items() if name in self._names}
        logits: Floats = self._session.run(None, inputs)[0]
        return logits


def make_fast(
    model: PreTrainedModel, task: Task, train: Encoded, valid: Encoded, *, check: Callable[[], None] = lambda: None
) -> Fast:
    """Make the fastest ONNX model whose answers on validation rows are those of a classifier.

    Args:
        model: In evaluation mode, its outputs in the user's units; it stays as it is.
        task: What is predicted.
        train: Rows by which the scales of the eight bits are set.
        valid: Rows on which the answers are compared.
        check: Called now and then; it may raise to stop.

    Raises:
        ModelError: The model cannot be exported.
        MissingExtraError: What exports or runs ONNX is not installed.
    """
    require_exporter()
    exact = predict(model, valid, check=check).double().numpy()
    maps = quantised(model, train.at(np.arange(min(len(train), _CALIBRATION_ROWS))), check=check)
    for part in (*_LEFT_IN_FLOAT, 1.0):
        check()
        kept = _first_of(maps, 1 - part)
        content = _exported(with_maps(model, kept), valid)
        agreement = Agreement.between(exact, OnnxModel(content).logits(valid, check), task)
        if agreement.holds:
            return Fast(content, len(maps) - len(kept), len(maps), agreement)
    raise ModelError(f"the ONNX model does not answer as the model does, even in float32 ({agreement})")


def _first_of(maps: Mapping[str, EightBitMap], part: float) -> dict[str, EightBitMap]:
    """The first maps, as many as have a part of all weights."""
    sizes = np.cumsum([one.weight.numel() for one in maps.values()])
    return dict(islice(maps.items(), int(np.searchsorted(sizes, part * sizes[-1], side="right"))))


def write_onnx(
    folder: Path, model: PreTrainedModel, task: Task, *, train: Encoded, valid: Encoded, probed: Encoded
) -> dict[str, object]:
    """Write a classifier's ONNX model and return what a manifest tells of it; arguments and errors as of `make_fast`.

    Args:
        folder: Where.
        model: The classifier.
        task: What it predicts.
        train: Rows by which the scales are set.
        valid: Rows on which the answers are compared.
        probed: Rows whose outputs are written down, so that another processor's can be held against them.
    """
    fast = make_fast(model, task, train, valid)
    write_durably(folder / MODEL_FILE, fast.content)
    outputs = OnnxModel(fast.content).logits(probed)
    return {
        "maps": fast.maps,
        "left_in_float": fast.left_in_float,
        **asdict(fast.agreement),
        "probes": outputs.tolist(),
    }


def load_onnx(folder: Path, *, trust_remote_code: bool = False) -> tuple[Manifest, PreTrainedTokenizerBase, OnnxModel]:
    """Load an `onnx` export, and see that this processor gives the outputs that were written down with it.

    Args:
        folder: The folder.
        trust_remote_code: Whether code of the tokenizer may run.

    Raises:
        AdapterError: The folder is damaged, or this processor's outputs are others.
        MissingExtraError: ONNX Runtime is not installed.
    """
    manifest = read_manifest(folder)
    path = folder / MODEL_FILE
    if manifest.profile != "onnx" or MODEL_FILE not in manifest.files:
        raise AdapterError(f"{folder} is no onnx export; export the adapter again")
    try:
        check_folder(folder, str(folder), trust_remote_code=trust_remote_code)
        tokenizer = Base(manifest.base_name, folder, manifest.base_digest, trust_remote_code).tokenizer
    except ModelError as error:
        raise AdapterError(f"{folder} is damaged: {error}") from error
    model = OnnxModel(path.read_bytes(), str(path))
    if manifest_digest(folder) != manifest.digest:
        raise AdapterError(f"{folder} was replaced while it was read; load it again")
    probed = encode(tokenizer, manifest.task, probes(manifest.task), manifest.max_length)
    _check_probes(model.logits(probed), manifest, path)
    return manifest, tokenizer, model


def _check_probes(found: Floats, manifest: Manifest, path: Path) -> None:
    facts = manifest.about.get("onnx")
    try:
        told = np.array(facts["probes"] if isinstance(facts, Mapping) else None, dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise AdapterError(f"{path} has no outputs to hold it against; export the adapter again") from error
    if told.shape != found.shape or not np.allclose(found, told, rtol=_TOLERANCE, atol=_TOLERANCE * np.abs(told).max()):
        raise AdapterError(
            f"{path} gives other outputs on this processor than where it was exported; export the adapter again here, "
            "or use --profile merged"
        )


class _Logits(nn.Module):
    """A classifier with the inputs that our rows have, and the logits alone as its output."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """Logits, shape (rows, outputs)."""
        more = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask, **more).logits
        return logits


def _exported(model: PreTrainedModel, rows: Encoded) -> bytes:
    inputs = rows.batch(list(range(min(len(rows), _EXAMPLE_ROWS))))
    sizes = {name: {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens")} for name in inputs}
    with tempfile.TemporaryDirectory(prefix="darse-") as folder, quiet(), _silent_exporter():
        path = Path(folder) / MODEL_FILE
        try:
            program = torch.onnx.export(
                _Logits(model).eval(),
                (),
                kwargs=inputs,
                dynamo=True,
                dynamic_shapes=sizes,
                input_names=list(inputs),
                output_names=["logits"],
                verbose=False,
            )
            assert program is not None, "with dynamo there is one"
            program.save(path)
        except (ValueError, RuntimeError) as error:  # its own errors are kinds of the latter
            kind = type(model).__name__
            raise ModelError(f"{kind} cannot be exported to ONNX: {first_line(error)}; use --profile merged") from error
        if len(list(Path(folder).iterdir())) > 1:
            raise ModelError("the model is larger than 2 GiB, more than one ONNX file holds; use --profile merged")
        return path.read_bytes()


@contextmanager
def _silent_exporter() -> Iterator[None]:
    """It warns of packages that nobody needs, and of what it does inside."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
