"""What the bank wrote: marks found however it is cut, with the offsets of their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.pages.bank_text import Mark, marked_text, readable


def parts_of(record, *marks, offset=0):
    text = marked_text(b"", record, b"", offset, [Mark(*one) for one in marks])
    return [(part.text, part.kind, part.offset) for part in text.parts]


def test_marks_are_found_with_the_offsets_of_their_bytes():
    record = "Müller RG INV-4711 über 12,50".encode()
    found = parts_of(record, ("INV4711", "reference"), ("12.50", "amount"), offset=100)
    assert found == [
        ("Müller RG ", "", 100),
        ("INV-4711", "reference", 111),
        (" über ", "", 119),
        ("12,50", "amount", 126),
    ]
    assert record[11:19] == b"INV-4711"


def test_a_number_cut_by_elements_of_the_file_is_still_one():
    record = b"<U>RG 50011 500</U>\n<U>12 50013</U>"
    found = [text for text, kind, _ in parts_of(record, ("50012", "reference")) if kind]
    assert "".join(found) == "50012"


@pytest.mark.parametrize("text", ["1INV4711", "INV47110", "<INV4711>"])
def test_a_part_of_a_longer_number_or_of_a_tag_is_no_mark(text):
    assert all(not kind for _, kind, _ in parts_of(text.encode(), ("INV4711", "reference")))


def test_longer_marks_win_and_nothing_is_marked_twice():
    found = parts_of(b"INV-4711", ("4711", "reference"), ("INV-4711", "payer"))
    assert found == [("INV-4711", "payer", 0)]


def test_control_characters_and_other_encodings_are_readable():
    assert readable(b"a\x02b\xff") == "a\u2402bÿ"
    assert parts_of(b"\xe4 AB-12", ("AB12", "reference")) == [
        ("ä ", "", 0),
        ("AB-12", "reference", 2),
    ]


@given(st.binary(max_size=60), st.text("AB1 -", max_size=8))
def test_parts_are_the_whole_record_in_order(record, mark):
    text = marked_text(b"", record, b"", 0, [Mark(mark, "reference")])
    assert "".join(part.text for part in text.parts) == readable(record)
    places = [part.offset for part in text.parts]
    assert places == sorted(set(places))
    assert all(0 <= place < len(record) for place in places)
