"""A diagnostic points at the value it is about, whatever its line looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.bank_files import parse_source
from parsers.byte_source import BytesSource
from parsers.excerpts import EXCERPT_LENGTH, caret_index, cut_excerpt, find_below, find_place
from parsers.line_index import LineIndex


def place_of(content, value, offset=0):
    return find_place(BytesSource(content), offset, len(content) - offset, value)


def test_a_value_is_found_as_a_whole_field_before_it_is_found_as_a_part():
    place = place_of(b"16,1752,175,Z/", "175")
    assert (place.column, place.offset) == (9, 8)
    assert place_of(b"49,00012345,2/", "12345").column == 7
    assert place_of(b"49,00002,2/", "2").column == 10


def test_a_value_below_the_first_line_of_a_record_moves_the_line():
    place = place_of(b"16,175,1,Z,A,B,text\r\n88,RMR*IV*X**1x\\\r\n", "1x")
    assert (place.lines_below, place.column) == (1, 14)
    assert place.excerpt == "88,RMR*IV*X**1x\\"


def test_a_value_that_does_not_stand_there_leaves_the_place_at_the_record():
    assert place_of(b"01,A\n49,5/\n", "7", offset=5).column == 1


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_columns_count_letters_and_offsets_count_bytes(encoding):
    content = "16,175,1,Z,Müller é,BAD/\n".encode(encoding)
    place = place_of(content, "BAD")
    assert place.column == len("16,175,1,Z,Müller é,") + 1
    assert content[place.offset :].startswith(b"BAD")
    assert place.excerpt == "16,175,1,Z,Müller é,BAD/"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_line_ending_begins_a_line(ending):
    content = ending.join(["01,A", "02,B", "03,BAD"]).encode()
    place = place_of(content, "BAD")
    assert (place.lines_below, place.column, place.excerpt) == (2, 4, "03,BAD")


def test_a_byte_order_mark_is_no_column():
    assert place_of(b"\xef\xbb\xbf01,BAD", "BAD").column == 4


def test_a_line_too_long_to_count_is_shown_without_a_column():
    content = b"<" + b"x" * (1 << 20) + b"<A>BAD</A>"
    place = find_place(BytesSource(content), content.index(b"BAD"), 3, "BAD")
    assert place.column is None
    assert "<A>BAD</A>" in place.excerpt
    assert len(place.excerpt) <= EXCERPT_LENGTH + 1


def test_in_xml_the_value_is_looked_for_below_its_element():
    content = b"<Stmt>\n  <Ntry>\n    <Sts>ODD</Sts>\n  </Ntry>\n</Stmt>\n"
    place = find_below(BytesSource(content), content.index(b"  <Ntry>"), "ODD")
    assert (place.lines_below, place.column, place.excerpt) == (1, 10, "    <Sts>ODD</Sts>")
    absent = find_below(BytesSource(content), content.index(b"  <Ntry>"), "")
    assert (absent.column, absent.excerpt) == (3, "  <Ntry>")


def test_in_lines_the_value_is_looked_for_in_its_line_only():
    content = b":61:260930C1\n:86:ODD\n"
    assert find_below(BytesSource(content), 0, "ODD").lines_below == 0


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=400),
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=400),
)
def test_the_caret_stands_under_the_value_however_the_line_is_cut(before, after):
    line = f"{before}VALUE{after}"
    column = len(before) + 1
    excerpt = cut_excerpt(line, column)
    assert len(excerpt) <= EXCERPT_LENGTH
    assert excerpt.startswith("VALUE", caret_index(excerpt, column))


@given(st.binary(max_size=300), st.integers(1, 40))
def test_lines_begin_where_they_do_whatever_the_window(content, window_bytes):
    index = LineIndex(BytesSource(content), window_bytes)
    starts = [0] + [at + 1 for at, byte in enumerate(content) if byte == 10]
    asked = [*range(len(starts), 0, -1), *range(1, len(starts) + 1)]
    assert [index.offset_of(line) for line in asked] == [starts[line - 1] for line in asked]
    assert index.offset_of(len(starts) + 1) is None
    assert index.offset_of(0) is None


def diagnosed(text, code):
    parsed = parse_source(BytesSource(text.encode()), "t.bai", form="bai2")
    (row,) = [r for r in parsed.diagnostics.record_batch.to_pylist() if r["code"] == code]
    return row


BAI = (
    "01,BANK,ACME,260930,0800,1,,,2/\n02,ACME,BANK,1,260930,0800,USD,2/\n"
    "03,4402207781,USD,015,10000,,/\n{row}\n49,{total},3/\n98,{total},1,5/\n99,{total},1,7/\n"
)


@pytest.mark.parametrize(
    ("row", "code", "value"),
    [
        ("16,1x5,10000,Z,BK1,C1,text/", "BAI-TYPE", "1x5"),
        ("16,175,10O00,Z,BK1,C1,text/", "BAI-AMOUNT", "10O00"),
        ("16,175,16,V,261399,,BK1,C1,text", "BAI-DATE", "261399"),
        ("16,175,16,Q,BK1,C1,text", "BAI-FUNDS", "Q"),
        ("16,100,100,Z,BK1,C1,text", "BAI-SUMMARY-ROW", "100"),
        ("16,175,1.00,Z,BK1,C1,text", "BAI-AMOUNT-POINT", "1.00"),
    ],
)
def test_a_row_of_bai2_is_pointed_at_where_its_field_stands(row, code, value):
    found = diagnosed(BAI.format(row=row, total="20000"), code)
    assert found["line"] == 4
    assert row[found["column"] - 1 :].startswith(value)
    assert found["value"] == value


def test_a_trailers_count_is_told_from_its_other_counts():
    text = BAI.format(row="16,175,10000,Z,BK1,C1,text/", total="20000")
    found = diagnosed(text.replace("98,20000,1,5/", "98,20000,1,1/"), "FILE-COUNT")
    assert (found["line"], found["column"]) == (6, 12)
