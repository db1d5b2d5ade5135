"""The stores of a shelf to the history of their studies: those begun last, oldest first."""

from __future__ import annotations

from darse.analysis.history import history_of, steps_of
from darse.analysis.history_page import history_sections
from darse.errors import DarseError
from darse.names import printable
from darse.report.parts import Notes, Section
from darse.ui.shelf import Shelf
from darse.ui.studies_page import lines_of
from darse.ui.subject import Library, Subject

MOST = 24
"""Studies of a history; each is read whole, once."""


def history_page_sections(shelf: Shelf, library: Library) -> tuple[Section, ...]:
    """The history, and what could not be read of it."""
    lines, problems = lines_of(shelf)
    lines = sorted((one for one in lines if one.head.record is not None), key=lambda one: one.created)
    subjects = list[Subject]()
    for line in lines[-MOST:]:
        try:
            subject = library.subject(line.shelved, line.head.id)
            _ = subject.studied  # read now, so that a damaged artifact is told here
            subjects.append(subject)
        except DarseError as error:
            problems.append(f"{printable(line.name)} ({line.head.id}): {printable(str(error), 300)}")
    told = [*problems]
    if len(lines) > MOST:
        told.append(f"The last {MOST} of {len(lines)} studies are shown; `darse history` has all.")
    notes = (Section("notes", "Not shown", "What this history leaves out.", (Notes(tuple(told)),)),) if told else ()
    if not subjects:
        return (*notes, Section("studies", "Studies", "There is no study yet.", ()))
    studied = [one.studied for one in subjects]
    found = history_of(study for study, _ in studied)
    steps = {study.record.id: steps_of(study) for study, _ in studied}
    return (*notes, *history_sections(found, steps, {study.record.id: layers for study, layers in studied}))
