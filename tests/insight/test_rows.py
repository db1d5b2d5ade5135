"""Rows as numbers: what cannot be used is counted by reason, and what is missing is no group."""

from __future__ import annotations

from pathlib import Path

import pytest

from darse.errors import DataError
from darse.insight.columns import Named, find_readable
from darse.insight.rows import NO_DAY, NO_NAME, Rows, gather_rows
from darse.insight.sentiment import Wanted
from darse.settings import DataSettings


def _rows(path: Path, content: str, named: Named | None = None) -> Rows:
    path.write_text(content, encoding="utf-8")
    return gather_rows(find_readable(path, named or Named(DataSettings(label="label"), by="by", time="date")), Wanted())


def test_rows_that_cannot_be_used_are_counted_by_reason(tmp_path: Path) -> None:
    content = "text,label,by,date\n" + "a,neg,x,2025-01-02\n" * 3 + ",neg,x,2025-01-02\nb,,x,2025-01-02\nc,neg\n"
    found = _rows(tmp_path / "rows.csv", content)
    assert (found.read, len(found), found.rejected.amount) == (6, 3, 3)
    assert set(found.rejected.reasons) == {
        "the text is empty",
        "the label is empty; map it with --label-map",
        "the row has fewer fields than the header",
    }
    assert found.rejected.first.startswith("line 5: the text is empty; line 6: ")


def test_an_empty_group_and_a_missing_date_are_none(tmp_path: Path) -> None:
    content = "text,label,by,date\na,neg,x,2025-01-02\nb,pos,,\nc,pos,y,2025-01-03\n"
    found = _rows(tmp_path / "rows.csv", content)
    assert found.groups.tolist() == [0, NO_NAME, 1]
    assert found.group_names == ("x", "y")
    assert found.days[1] == NO_DAY
    assert found.lines.tolist() == [2, 3, 4]
    assert found.misdated.amount == 0


def test_a_file_without_one_usable_row_is_an_error(tmp_path: Path) -> None:
    named = Named(DataSettings(text="text", label="label"))
    with pytest.raises(DataError, match=r"not one row can be used \(line 2: the text is empty\)"):
        _rows(tmp_path / "rows.csv", "text,label,by,date\n,neg,x,2025-01-02\n", named)


def test_many_classes_are_no_classes(tmp_path: Path) -> None:
    content = "text,label,by,date\n" + "".join(f"a,class {place},x,2025-01-02\n" for place in range(300))
    with pytest.raises(DataError, match="more than 200 different values; name another --label"):
        _rows(tmp_path / "rows.csv", content)


def test_numbers_in_place_of_dates_are_told_with_the_remedy(tmp_path: Path) -> None:
    content = "\n".join('{"text": "a", "label": "neg", "by": 1, "date": 1745971200}' for _ in range(5))
    with pytest.raises(DataError, match="5 dates in 'date' cannot be read; write them as 2025-04-30"):
        _rows(tmp_path / "rows.jsonl", content)
