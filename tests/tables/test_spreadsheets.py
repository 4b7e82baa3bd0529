"""Workbooks: exact numbers, dates, texts; nothing a sheet claims makes reading unbounded."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spreadsheet_writing import MAIN, sheet, workbook

from parsers import spreadsheets
from parsers.errors import TableError
from parsers.spreadsheets import Workbook

DAY = dt.date(2026, 9, 14)


def rows_of(content, title=None):
    book = Workbook("b.xlsx", content)
    return [cells for _, cells in book.sheet(title or book.sheet_names[0])]


def refused(content):
    with pytest.raises(TableError) as caught:
        rows_of(content)
    return str(caught.value)


@pytest.mark.parametrize("shared", [True, False])
def test_texts_numbers_and_dates_are_what_they_are(shared):
    content = workbook(("A", [["INV 00123", Decimal("1234.56"), DAY, None, "x"]]), shared=shared)
    assert rows_of(content) == [["INV 00123", Decimal("1234.56"), DAY, "", "x"]]


def test_a_number_is_read_to_the_digits_a_spreadsheet_keeps():
    stored = [Decimal("0.30000000000000004"), Decimal("1234.5599999999999"), 4500012345]
    shown = [Decimal("0.300000000000000"), Decimal("1234.56000000000"), Decimal(4500012345)]
    assert rows_of(workbook(("A", [stored]))) == [shown]


@pytest.mark.parametrize("epoch_1904", [False, True])
def test_both_epochs(epoch_1904):
    assert rows_of(workbook(("A", [[DAY]]), epoch_1904=epoch_1904)) == [[DAY]]


def test_only_formats_that_show_a_date_make_one():
    cells = "".join(
        f'<c r="{c}1" s="{s}"><v>46279</v></c>' for c, s in zip("ABCD", "0123", strict=True)
    )
    text = f'<worksheet xmlns="{MAIN}"><sheetData><row r="1">{cells}</row></sheetData></worksheet>'
    content = workbook(("A", []), parts={"xl/worksheets/sheet1.xml": text})
    number = Decimal(46279)
    assert rows_of(content) == [[number, DAY, DAY, number]]


def test_empty_rows_keep_the_numbers_of_the_others_and_cells_may_lack_references():
    rows = "<row><c><v>1</v></c><c><v>2</v></c></row><row/><row r='9'><c r='C9'><v>3</v></c></row>"
    text = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    book = Workbook("b.xlsx", workbook(("A", []), parts={"xl/worksheets/sheet1.xml": text}))
    assert book.sheet("A") == [(1, [Decimal(1), Decimal(2)]), (9, ["", "", Decimal(3)])]


def test_hidden_sheets_are_left_aside_and_strict_names_read():
    content = workbook(("Notes", [["n"]]), ("Advice", [["a"]]), hidden=("Notes",))
    assert Workbook("b.xlsx", content).sheet_names == ["Advice"]
    strict = sheet([["s"]]).replace(MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main")
    assert rows_of(workbook(("A", []), parts={"xl/worksheets/sheet1.xml": strict})) == [["s"]]


def test_a_far_away_cell_costs_nothing():
    text = sheet([["a"]]).replace(
        "</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    rows = Workbook("b.xlsx", workbook(("A", []), parts={"xl/worksheets/sheet1.xml": text})).sheet(
        "A"
    )
    assert [number for number, _ in rows] == [1, 1_048_576]
    assert len(rows[1][1]) == 16_384


def test_what_expands_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(spreadsheets, "SPREADSHEET_BYTES_MAX", 1 << 20)
    bomb = "<!-- " + " " * (4 << 20) + " -->"
    text = sheet([["a"]]).replace("<sheetData>", f"{bomb}<sheetData>")
    message = refused(workbook(("A", []), parts={"xl/worksheets/sheet1.xml": text}))
    assert message.startswith("b.xlsx: expands to more than 1 MiB")


def test_more_cells_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(spreadsheets, "SPREADSHEET_CELLS_MAX", 3)
    assert "more than 3 cells" in refused(workbook(("A", [["a", "b"], ["c", "d"]])))


def test_entities_are_not_expanded():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    text = bomb + sheet([["a"]]).replace("<t>a</t>", "<t>x&b;</t>")
    content = workbook(("A", []), shared=False, parts={"xl/worksheets/sheet1.xml": text})
    assert "aaaa" not in str(rows_of(content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0rest", "is protected by a password or in the old format"),
        (b"PK\x03\x04 broken", "is no spreadsheet"),
        (b"", "is no spreadsheet"),
        (workbook(("A", []), hidden=("A",)), "has no visible sheet"),
        (workbook(("A", []), parts={"xl/worksheets/sheet1.xml": "<a>"}), "is not well-formed"),
        (workbook(("A", []), parts={"_rels/.rels": "<a/>"}), "it names no workbook"),
    ],
    ids=["ole", "zip", "empty", "hidden", "xml", "relations"],
)
def test_what_is_no_workbook_is_refused_with_the_reason(content, said):
    assert said in refused(content)


cells = st.one_of(
    st.none(),
    st.text("AB 1é&<", min_size=1, max_size=6).map(str.strip).filter(bool),
    st.decimals(-99999, 99999, places=2),
    st.dates(dt.date(1905, 1, 1), dt.date(2100, 1, 1)),
)


@settings(max_examples=60)
@given(st.lists(st.lists(cells, max_size=6), max_size=6), st.booleans())
def test_what_was_written_is_read(rows, shared):
    found = rows_of(workbook(("A", rows), shared=shared))
    expected = [
        ["" if cell is None else cell for cell in row]
        for row in rows
        if any(c is not None for c in row)
    ]
    for row in expected:
        while row and row[-1] == "":
            row.pop()
    assert found == expected


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_workbook_is_refused_or_read_never_a_crash(data):
    content = bytearray(workbook(("A", [["Invoice", "Amount"], ["1", Decimal("2.50")]])))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        rows_of(bytes(content))
    except TableError as error:
        assert str(error).startswith("b.xlsx: ")  # noqa: PT017 - either outcome is right
