"""A lease to a lease that lasts as long as its trial, also where the trial asks for nothing for hours."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from darse.errors import StoreError
from darse.store.protocol import Lease, Store


class LeaseKeeper:
    """Renews a lease when a third of its time has gone, in a thread of its own, until the `with` block is left.

    A renewal never takes a trial back: once another worker has it, the store refuses the old token.

    Args:
        store: Where the lease is held.
        lease: What to renew.
        lease_s: Seconds that it is taken for.
        clock: Seconds since 1970 (UTC).
    """

    def __init__(self, store: Store, lease: Lease, *, lease_s: float, clock: Callable[[], float]) -> None:
        self._store, self._lease, self._lease_s, self._clock = store, lease, lease_s, clock
        self._turn = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep_on, name=f"lease of {lease.trial}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def keep(self) -> None:
        """Renew the lease if it is time; one that could not be renewed stays due, so that the next call tries again.

        Raises:
            StaleLeaseError: Another worker has the trial by now.
            StoreError: The store cannot be written.
        """
        with self._turn:
            now = self._clock()
            if self._lease.expires - now < self._lease_s * 2 / 3:
                self._lease = self._store.renew(self._lease, now=now, lease_s=self._lease_s)

    def _keep_on(self) -> None:
        while not self._is_over.wait(self._lease_s / 3):
            # no error is lost: the trial's next check, or the storing of its outcome, runs into the same one
            with suppress(StoreError):
                self.keep()
