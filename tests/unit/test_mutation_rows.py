"""The tables of mutations in tests/README.md still fit the code: a row that fits no more shows nothing."""

from __future__ import annotations

from tests.mutations import ROOT, mutations


def test_every_row_stands_once_in_its_file_and_names_a_test_that_is_there() -> None:
    rows = list(mutations())
    assert len(rows) > 100
    unfit = [row.rule for row in rows if (ROOT / row.file).read_text(encoding="utf-8").count(row.was) != 1]
    assert unfit == []
    for row in rows:
        file, _, name = row.test.partition("::")
        name = name.partition("[")[0]
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{row.rule}: no {row.test}"
