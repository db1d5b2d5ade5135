"""What `transformers` raises and prints while it loads or saves something: one error of ours, and silence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from darse.errors import ModelError
from darse.names import first_line

_LOADING_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
    ImportError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    SafetensorError,
    StrictDataclassError,
)


class loading:  # noqa: N801 - used as `with loading(...)`, like contextlib's own
    """Let `transformers` load something quietly; whatever it raises becomes a `ModelError` of one line.

    Args:
        folder: The model's folder.
        what: What is loaded.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self.folder, self.what = folder, what
        self._quiet = quiet()

    def __enter__(self) -> None:
        """Be quiet."""
        self._quiet.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Speak again, and turn an error into ours; the `tokenizers` package raises a bare `Exception`."""
        self._quiet.__exit__(None, None, None)
        if error is not None and (kind is Exception or isinstance(error, _LOADING_ERRORS)):
            raise ModelError(
                f"{self.folder}: the {self.what} cannot be loaded: {first_line(error)}; download it again"
            ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep `transformers` from writing to the terminal: what matters is raised."""
    verbosity, had_bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if had_bars:
            transformers_logging.enable_progress_bar()
