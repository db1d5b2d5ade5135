"""Places and settings to pages that are there until they are told to stop."""

from __future__ import annotations

from pathlib import Path

from darse.monitor.rules import read_rules
from darse.ui.app import make_app
from darse.ui.settings import UiSettings
from darse.ui.shelf import Shelf
from darse.web.listening import Listening


class Ui:
    """The pages on an address of their own; made, they listen, and `run` answers.

    Args:
        shelf: The stores.
        settings: Where to listen, and the limits.
        rules: A file of alert rules, for what can be done about them.

    Raises:
        InputError: The address cannot be listened on, or the rules are wrong.
    """

    def __init__(self, shelf: Shelf, settings: UiSettings, rules: Path | None = None) -> None:
        if rules is not None:
            read_rules(rules)
        self._listening = Listening(settings)
        self._app = make_app(shelf, settings, rules=rules, is_ending=lambda: self._listening.is_ending)

    @property
    def address(self) -> str:
        """Where they are."""
        return self._listening.address

    def run(self) -> None:
        """Answer until `stop` or a signal, which is raised again once requests under way are answered."""
        self._listening.run(self._app)

    def stop(self) -> None:
        """Let `run` end; for another thread."""
        self._listening.stop()
