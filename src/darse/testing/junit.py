"""A gate to JUnit XML, which CI systems show as tests."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from darse.names import printable
from darse.testing.gate import Check, Gate, failed_checks

_LONGEST = 1000


def as_junit(gate: Gate) -> bytes:
    """One test suite with a test for each check.

    What keeps the candidate from passing is a failure; what is undecided and lets it pass is skipped.
    """
    bad = failed_checks(gate)
    skipped = [one for one in gate.checks if one.outcome == "undecided" and one not in bad]
    counts = {"tests": str(len(gate.checks)), "failures": str(len(bad)), "skipped": str(len(skipped)), "errors": "0"}
    suites = Element("testsuites", counts)
    suite = SubElement(suites, "testsuite", {"name": _text(f"darse gate {gate.baseline}"), **counts})
    for check in gate.checks:
        _case(suite, gate, check, is_bad=check in bad)
    indent(suites)
    content: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _case(suite: Element, gate: Gate, check: Check, *, is_bad: bool) -> None:
    named = {"classname": _text(f"{gate.data}.{check.kind}"), "name": _text(check.name)}
    case = SubElement(suite, "testcase", named)
    if is_bad:
        failure = SubElement(case, "failure", {"type": check.outcome, "message": _text(check.sentence)})
        failure.text = _text(f"{gate.candidate}: {check.sentence}")
    elif check.outcome == "undecided":
        SubElement(case, "skipped", {"message": _text(check.sentence)})
    else:
        SubElement(case, "system-out").text = _text(check.sentence)


def _text(text: str) -> str:
    """Text that XML can hold: it has no way to write control characters and halves of surrogate pairs."""
    return printable(text, _LONGEST).replace("￾", "\ufffd").replace("￿", "\ufffd")
