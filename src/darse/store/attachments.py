"""An artifact that a study keeps under a name, beside those of its trials: to its finding, and back."""

from __future__ import annotations

from collections.abc import Mapping

from darse.store.protocol import Store

_KEY = "artifact"
_EARLIER_KEY = "logits"
"""What findings of test logits called it up to 0.2."""


def attach(store: Store, study: str, name: str, digest: str) -> None:
    """Keep the digest of an artifact under a name; a later one replaces it."""
    store.put_finding(study, name, {_KEY: digest})


def attached(store: Store, study: str, name: str) -> str | None:
    """The digest of the artifact under a name, None if there is none."""
    return _digest(store.findings(study).get(name, {}))


def all_attached(store: Store, study: str) -> frozenset[str]:
    """The digests of all artifacts that a study keeps under a name."""
    return frozenset(found for one in store.findings(study).values() if (found := _digest(one)) is not None)


def _digest(finding: Mapping[str, object]) -> str | None:
    found = finding.get(_KEY, finding.get(_EARLIER_KEY))
    return None if found is None else str(found)
