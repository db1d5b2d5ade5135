"""Which layer deserves which LoRA rank for your sentiment data, and is the difference real?

The public names are loaded when they are first used, so that `import darse` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from darse import environment

if TYPE_CHECKING:
    from darse.api import Predictor, Study, explore, open_study
    from darse.errors import DarseError, InputError
    from darse.estimators import SentimentClassifier, SentimentRegressor
    from darse.ranks.plan import RankPlan
    from darse.track.callback import DarseCallback

__version__ = "0.2.0"
__all__ = [
    "DarseCallback",
    "DarseError",
    "InputError",
    "Predictor",
    "RankPlan",
    "SentimentClassifier",
    "SentimentRegressor",
    "Study",
    "__version__",
    "explore",
    "open_study",
]

_HOMES = {
    "DarseCallback": "darse.track.callback",
    "DarseError": "darse.errors",
    "InputError": "darse.errors",
    "Predictor": "darse.api",
    "RankPlan": "darse.ranks.plan",
    "SentimentClassifier": "darse.estimators",
    "SentimentRegressor": "darse.estimators",
    "Study": "darse.api",
    "explore": "darse.api",
    "open_study": "darse.api",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'darse' has no attribute {name!r}")
    environment.prepare_computing()
    return getattr(importlib.import_module(_HOMES[name]), name)
